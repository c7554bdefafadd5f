//! The API as the CLI calls it.

use std::{
    fmt,
    time::{Duration, Instant},
};

use reqwest::{
    Method, RequestBuilder, Response, StatusCode, Url,
    header::{HeaderMap, HeaderValue, LOCATION},
    redirect,
};
use runvoy_api::{
    API_KEY_HEADER, Health, IDEMPOTENCY_HEADER, IDEMPOTENT_SINCE, PREFIX,
    error::{ErrorBody, ErrorCode, ErrorReply},
    key::{ApiKey, hex},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    access::Access,
    error::{Error, Result},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A little more than the orchestrator's own limit.
const REPLY_TIMEOUT: Duration = Duration::from_secs(35);
/// How long a read is tried again for; with the last attempt's connect timeout it stays under 10 seconds.
const RETRY_FOR: Duration = Duration::from_secs(4);
/// How often a start is sent at most.
const ATTEMPTS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// One deployment's API.
pub struct Client {
    http: reqwest::Client,
    endpoint: String,
}

/// The API's own "no".
#[derive(Debug)]
pub struct Refused {
    /// The HTTP status.
    pub status: StatusCode,
    /// What the API says about it.
    pub body: ErrorBody,
}

/// No answer from the API itself: the network, or something between.
#[derive(Debug)]
pub struct NoAnswer {
    what: String,
    /// The request can't have reached the API.
    pub unsent: bool,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.body.message)?;
        if self.status.is_server_error() && !self.body.request_id.is_empty() {
            write!(f, " (request `{}`)", self.body.request_id)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for NoAnswer {}

impl Client {
    /// A client of the API at `endpoint`. Without a key it can call what anyone may call.
    pub fn new(endpoint: &str, key: Option<&ApiKey>) -> Result<Self> {
        let url = parse_endpoint(endpoint)?;
        let mut headers = HeaderMap::new();
        if let Some(key) = key {
            let mut value = HeaderValue::try_from(key.reveal())?;
            value.set_sensitive(true);
            headers.insert(API_KEY_HEADER, value);
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("runvoy/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REPLY_TIMEOUT)
            // A redirect would carry the key to wherever it points.
            .redirect(redirect::Policy::none());
        if is_loopback(&url) {
            builder = builder.no_proxy();
        }
        let endpoint = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { http: builder.build()?, endpoint })
    }

    /// A client of the deployment that the user means, with the user's key.
    pub fn connect(profile: Option<&str>) -> Result<Self> {
        let access = Access::find(profile)?;
        Self::new(&access.endpoint, Some(&access.key))
    }

    /// The API's address, without a slash at its end.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Reads. Tried again for a few seconds when the network or the API stumbles.
    pub async fn get<T: DeserializeOwned>(&self, path_and_query: &str) -> Result<T> {
        let (started, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            let result = self.send(self.request(Method::GET, path_and_query)).await;
            match result {
                Err(error) if is_transient(&error) && started.elapsed() + pause < RETRY_FOR => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                result => return result,
            }
        }
    }

    /// Creates. Sent once: a second one could do the thing twice.
    pub async fn post<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// Creates, with a key by which the API tells a second attempt from a second wish: so a reply that was lost is asked
    /// for again, and the thing is done once. An API that does not know such keys gets one attempt.
    pub async fn post_once<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| Error::new(format!("the system gave no randomness: {error}")))?;
        let attempt = || self.request(Method::POST, path).json(body).header(IDEMPOTENCY_HEADER, hex(&random));
        let mut pause = FIRST_PAUSE;
        let mut result = self.send(attempt()).await;
        for _ in 1..ATTEMPTS {
            if !result.as_ref().is_err_and(may_not_have_happened) {
                break;
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
            if !self.knows_attempts().await {
                break;
            }
            result = self.send(attempt()).await;
        }
        result
    }

    async fn knows_attempts(&self) -> bool {
        let health = self.send::<Health>(self.request(Method::GET, "/health")).await;
        health.is_ok_and(|health| health.contract >= IDEMPOTENT_SINCE)
    }

    /// Ends something, with a body that says why.
    pub async fn delete_with<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T> {
        self.send(self.request(Method::DELETE, path).json(body)).await
    }

    /// Changes something, in a way that is no harm twice.
    pub async fn patch<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T> {
        self.send(self.request(Method::PATCH, path).json(body)).await
    }

    /// Sets something, in a way that is no harm twice.
    pub async fn put<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T> {
        self.send(self.request(Method::PUT, path).json(body)).await
    }

    /// Ends something. Sent once.
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.send(self.request(Method::DELETE, path)).await
    }

    fn request(&self, method: Method, path_and_query: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{PREFIX}{path_and_query}", self.endpoint))
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T> {
        let response = request.send().await.map_err(|error| self.no_answer(error))?;
        let status = response.status();
        if !status.is_success() {
            return Err(self.refused(status, response).await);
        }
        let body = response.bytes().await.map_err(|error| self.no_answer(error))?;
        serde_json::from_slice(&body).map_err(|error| self.not_ours(status, Some(error)))
    }

    async fn refused(&self, status: StatusCode, response: Response) -> Error {
        let location = response.headers().get(LOCATION).and_then(|to| to.to_str().ok()).map(str::to_owned);
        let body = response.bytes().await.unwrap_or_default();
        let Ok(ErrorReply { error: body }) = serde_json::from_slice(&body) else {
            let error = self.not_ours(status, None);
            return match location.filter(|_| status.is_redirection()) {
                Some(to) => error.context(format!("`{}` redirects to `{to}`", self.endpoint)),
                None => error,
            };
        };
        let hint = body.hint.clone();
        let unauthorized = body.code == ErrorCode::Unauthorized || status == StatusCode::UNAUTHORIZED;
        let error = Error::from(Refused { status, body });
        match hint {
            _ if unauthorized => error
                .context(format!("the key was refused by `{}`", self.endpoint))
                .hint("ask an admin for a key (`runvoy admin add-user`), then run `runvoy configure`"),
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    fn no_answer(&self, error: reqwest::Error) -> Error {
        let unsent = error.is_connect() || error.is_builder();
        let what = match () {
            () if unsent => "can't be reached",
            () if error.is_timeout() => "did not answer in time",
            () => "broke off before its reply was complete",
        };
        let what = format!("`{}` {what}", self.endpoint);
        let cause = anyhow::Error::new(error.without_url());
        Error::from(cause.context(NoAnswer { what, unsent }))
            .hint("check the network and `api_endpoint` (`runvoy configure`), then try `runvoy health`")
    }

    /// A login page, a proxy, another service: whatever it is, it does not speak the contract.
    fn not_ours(&self, status: StatusCode, cause: Option<serde_json::Error>) -> Error {
        let what = format!("`{}` answered {status}, but not as runvoy's API does", self.endpoint);
        let failure = NoAnswer { what, unsent: false };
        match cause {
            Some(cause) => Error::from(anyhow::Error::new(cause).context(failure)),
            None => Error::from(failure),
        }
        .hint("is `api_endpoint` right (`runvoy configure`), and is there a proxy or a login page in between?")
    }
}

/// Whether the same request may well succeed a little later.
pub fn is_transient(error: &Error) -> bool {
    let busy = |status: StatusCode| matches!(status.as_u16(), 429 | 502 | 503 | 504);
    error.find::<NoAnswer>().is_some() || error.find::<Refused>().is_some_and(|refused| busy(refused.status))
}

/// Whether nothing is known of what became of a start, or nothing came of it and it may still.
fn may_not_have_happened(error: &Error) -> bool {
    let busy = |body: &ErrorBody| matches!(body.code, ErrorCode::Unavailable | ErrorCode::TooManyRequests);
    // With an execution's id in it, the failure is on record and would only be told again; with a rule's name, it stays.
    let settled = |body: &ErrorBody| ["execution_id", "rule"].iter().any(|name| body.details.contains_key(*name));
    let refused = error.find::<Refused>().is_some_and(|refused| busy(&refused.body) && !settled(&refused.body));
    refused || error.find::<NoAnswer>().is_some()
}

/// Text as one segment of a path, or one value of a query.
pub fn encode(text: &str) -> String {
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_' | b'~');
    text.bytes().map(|c| if plain(c) { char::from(c).to_string() } else { format!("%{c:02X}") }).collect()
}

fn parse_endpoint(text: &str) -> Result<Url> {
    let refuse = |problem: &str| {
        let shown = text.escape_debug();
        Error::new(format!("`{shown}` {problem}"))
            .hint("`runvoy configure` asks for it: `https://….on.aws/`, as an admin gave it")
    };
    let url = Url::parse(text.trim()).map_err(|error| refuse(&format!("is not an endpoint: {error}")))?;
    if !matches!(url.scheme(), "http" | "https")
        || url.host().is_none()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err(refuse("is not an endpoint: it must be an `https://` address"));
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err(refuse("would carry the key unencrypted: the endpoint must be an `https://` address"));
    }
    Ok(url)
}

/// Whether it leads to this machine.
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || host.ends_with(".localhost") || address.is_ok_and(|address| address.is_loopback())
}
