//! Who may speak to the engine, which runs code: nobody but holders of the run's keys, and never a web page.

use http::{HeaderMap, Request, header};

use super::calls::Caller;
use super::iam::Principal;

/// The keys of a run.
pub(super) struct Gate {
    /// The proxy's own port.
    pub port: u16,
    /// Access key id of clients: random, so it is a secret here, where no signature is checked.
    pub client_key: String,
    /// Access key id of functions: the engine gives them the account's id.
    pub function_key: String,
    /// What the session tokens of functions begin with, which makes that a secret too; whose they are follows.
    pub function_token: String,
}

/// Who is let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Admitted {
    pub caller: Caller,
    /// Of a function, its role. Whoever has the bare token, as tests do, acts for the sandbox itself.
    pub principal: Option<Principal>,
}

/// Why a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It came by a name that isn't loopback's: DNS rebinding, or a mistake.
    ForeignHost,
    /// A browser sent it for a page.
    Origin,
    /// It has no credentials, or another run's.
    UnknownKey,
}

impl Refusal {
    pub fn message(self) -> &'static str {
        match self {
            Self::ForeignHost => "The sandbox answers to its loopback address only",
            Self::Origin => "The sandbox answers no calls of web pages",
            Self::UnknownKey => "The security token included in the request is invalid",
        }
    }
}

impl Gate {
    pub fn admit<B>(&self, request: &Request<B>) -> Result<Admitted, Refusal> {
        if !is_loopback_host(request.headers(), self.port) {
            return Err(Refusal::ForeignHost);
        }
        if request.headers().contains_key(header::ORIGIN) {
            return Err(Refusal::Origin);
        }
        let credential = Credential::of(request).ok_or(Refusal::UnknownKey)?;
        if credential.key == self.client_key {
            return Ok(Admitted { caller: Caller::Client, principal: None });
        }
        let whose = credential.token.and_then(|token| token.strip_prefix(self.function_token.as_str()));
        match whose.map(|whose| (whose.is_empty(), Principal::read(whose))) {
            Some((is_bare, principal)) if credential.key == self.function_key && (is_bare || principal.is_some()) => {
                Ok(Admitted { caller: Caller::Function, principal })
            }
            _ => Err(Refusal::UnknownKey),
        }
    }
}

/// Whether `Host` is a loopback name with exactly this port.
pub(super) fn is_loopback_host(headers: &HeaderMap, port: u16) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let Some((name, given)) = host.rsplit_once(':') else { return false };
    matches!(name, "127.0.0.1" | "localhost" | "[::1]") && given.parse() == Ok(port)
}

/// What a request says about who signed it, in its header or, if presigned, in its query.
pub(super) struct Credential<'a> {
    pub key: &'a str,
    /// From the scope, such as `dynamodb`.
    pub service: &'a str,
    /// From the scope, too.
    pub region: &'a str,
    pub token: Option<&'a str>,
}

impl<'a> Credential<'a> {
    pub fn of<B>(request: &'a Request<B>) -> Option<Self> {
        let headers = request.headers();
        let query = request.uri().query().unwrap_or_default();
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(authorization) = text("authorization") {
            let scope = authorization.split_once("Credential=")?.1;
            let scope = scope.split([',', ' ']).next()?;
            return Self::read(scope, "/", text("x-amz-security-token"));
        }
        let parameter = |name| query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
        let (_, scope) = parameter("X-Amz-Credential")?;
        let separator = if scope.contains('/') { "/" } else { "%2F" };
        Self::read(scope, separator, parameter("X-Amz-Security-Token").map(|(_, token)| token))
    }

    /// `KEY/DATE/REGION/SERVICE/aws4_request`
    fn read(scope: &'a str, separator: &str, token: Option<&'a str>) -> Option<Self> {
        let mut parts = scope.split(separator);
        let key = parts.next()?;
        let region = parts.nth(1)?;
        Some(Self { key, region, service: parts.next()?, token })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Gate {
        let [client_key, function_key, function_token] = ["AKIAGOOD", "123456789012", "token"].map(str::to_owned);
        Gate { port: 4000, client_key, function_key, function_token }
    }

    fn signed(key: &str) -> http::request::Builder {
        let scope =
            format!("AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host");
        Request::post("/").header("host", "127.0.0.1:4000").header("authorization", scope)
    }

    fn admit(request: http::request::Builder) -> Result<Caller, Refusal> {
        gate().admit(&request.body(()).unwrap()).map(|admitted| admitted.caller)
    }

    #[test]
    fn the_runs_keys_are_admitted() {
        assert_eq!(admit(signed("AKIAGOOD")), Ok(Caller::Client));
        assert_eq!(admit(signed("123456789012").header("x-amz-security-token", "token")), Ok(Caller::Function));
        let presigned = "/b/k?X-Amz-Credential=AKIAGOOD%2F20260101%2Fus-east-1%2Fs3%2Faws4_request";
        assert_eq!(admit(Request::get(presigned).header("host", "localhost:4000")), Ok(Caller::Client));
    }

    #[test]
    fn functions_come_with_their_role() {
        let request = signed("123456789012").header("x-amz-security-token", "token.acme-Role-1.acme-api");
        let admitted = gate().admit(&request.body(()).unwrap()).unwrap();
        let principal = Principal { role: "acme-Role-1".to_owned(), function: "acme-api".to_owned() };
        assert_eq!(admitted, Admitted { caller: Caller::Function, principal: Some(principal) });
    }

    #[test]
    fn strangers_are_refused() {
        assert_eq!(admit(signed("123456789012").header("x-amz-security-token", "tokenmore")), Err(Refusal::UnknownKey));
        assert_eq!(admit(signed("AKIAOTHER")), Err(Refusal::UnknownKey));
        assert_eq!(admit(signed("123456789012")), Err(Refusal::UnknownKey));
        assert_eq!(admit(Request::get("/").header("host", "127.0.0.1:4000")), Err(Refusal::UnknownKey));
        assert_eq!(admit(signed("AKIAGOOD").header("origin", "http://127.0.0.1:4000")), Err(Refusal::Origin));
        for host in ["example.com:4000", "127.0.0.1", "127.0.0.1:4001", "127.0.0.1.example.com:4000", ""] {
            assert_eq!(admit(Request::get("/").header("host", host)), Err(Refusal::ForeignHost), "{host}");
        }
    }
}
