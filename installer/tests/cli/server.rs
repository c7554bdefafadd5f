//! An HTTP server on loopback that answers as it is told.

use std::{
    collections::{HashMap, VecDeque},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value, json};

#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `GET /api/v1/whoami`
    pub line: String,
    /// Names in lower case.
    pub headers: HashMap<String, String>,
    pub body: String,
}

#[derive(Clone)]
pub enum Reply {
    Json(u16, Value),
    Text(u16, &'static str, &'static str),
    /// Closes the connection without a word.
    HangUp,
    /// Closes the connection in the middle of the reply.
    Cut(Value),
}

pub fn ok(value: Value) -> Reply {
    Reply::Json(200, value)
}

pub fn error(status: u16, code: &str, message: &str) -> Reply {
    Reply::Json(status, json!({"error": {"code": code, "message": message, "request_id": "req-1"}}))
}

pub struct Server {
    pub url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Answers each request with what `answer` makes of it.
    pub fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // With a slash at its end, as CloudFormation gives it.
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (requests.clone(), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, answer) = (seen.clone(), answer.clone());
                thread::spawn(move || serve(stream, &seen, &*answer));
            }
        });
        Self { url, requests }
    }

    /// Answers by request line (without `/api/v1`), each with its replies in turn; the last one repeats.
    pub fn script<const N: usize>(routes: [(&str, Vec<Reply>); N]) -> Self {
        let routes: HashMap<String, VecDeque<Reply>> =
            routes.into_iter().map(|(line, replies)| (line.replacen(' ', " /api/v1", 1), replies.into())).collect();
        let routes = Mutex::new(routes);
        Self::start(move |request| {
            let mut routes = routes.lock().unwrap();
            match routes.get_mut(&request.line) {
                Some(replies) if replies.len() > 1 => replies.pop_front().unwrap(),
                Some(replies) => replies[0].clone(),
                None => error(404, "not_found", &format!("not in the script: {}", request.line)),
            }
        })
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The request lines so far, without `/api/v1`.
    pub fn lines(&self) -> Vec<String> {
        self.requests().iter().map(|request| request.line.replacen("/api/v1", "", 1)).collect()
    }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Vec<Request>>, answer: &dyn Fn(&Request) -> Reply) {
    let Some(request) = read(&stream) else { return };
    seen.lock().unwrap().push(request.clone());
    let (status, kind, body, length) = match answer(&request) {
        Reply::Json(status, value) => whole(status, "application/json", value.to_string()),
        Reply::Text(status, kind, text) => whole(status, kind, text.to_owned()),
        Reply::HangUp => return,
        Reply::Cut(value) => {
            let body = value.to_string();
            let length = body.len();
            (200, "application/json", body[..length / 2].to_owned(), length)
        }
    };
    let head =
        format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    let _ = stream.write_all((head + &body).as_bytes());
}

fn whole(status: u16, kind: &'static str, body: String) -> (u16, &'static str, String, usize) {
    let length = body.len();
    (status, kind, body, length)
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    lines.read_line(&mut line).ok()?;
    let mut request = Request { line: line.rsplit_once(" HTTP/")?.0.to_owned(), ..Request::default() };
    loop {
        line.clear();
        lines.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        request.headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = request.headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    lines.read_exact(&mut body).ok()?;
    request.body = String::from_utf8_lossy(&body).into_owned();
    Some(request)
}
