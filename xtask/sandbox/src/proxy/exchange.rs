use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::sleep;

use super::State;
use super::calls::Entry;
use super::form::Form;
use super::gate::{Admitted, Credential};
use super::iam::Principal;
use super::name::Name;
use super::reply::{Body, cut, error, full, reply};
use super::script::{Effect, Firing};

/// One admitted call, from its request to its reply.
pub(super) struct Exchange {
    name: Name,
    head: Parts,
    body: Content,
    /// Whether its service answers errors in JSON.
    is_json: bool,
    is_here: bool,
}

/// S3's bodies can be large and tell us nothing: they stream through.
enum Content {
    Known(Bytes),
    Streams(Incoming),
}

impl Exchange {
    /// Reads as much of the request as is needed to know what it asks.
    pub async fn read(state: &State, request: Request<Incoming>) -> Result<Self, Response<Body>> {
        let credential = Credential::of(&request);
        let is_here = credential.as_ref().is_some_and(|credential| credential.region == state.engine.region());
        let service = credential.map_or(String::new(), |credential| credential.service.to_owned());
        let (head, body) = request.into_parts();
        let body = if service == "s3" { Content::Streams(body) } else { Content::Known(whole(body).await?) };
        let known = if let Content::Known(bytes) = &body { bytes.clone() } else { Bytes::new() };
        let mut name = Name::of(&service, &head, &known);
        // A change set's ARN does not tell its stack, which is what anyone would look for in the log.
        if service == "cloudformation" && name.detail.contains(":changeSet/") {
            let stack = state.stacks.stack_asked(&Form::parse(&known));
            name.detail = if stack.is_empty() { name.detail } else { stack };
        }
        let is_json = service == "lambda" || head.headers.contains_key("x-amz-target");
        Ok(Self { name, head, body, is_json, is_here })
    }

    /// The reply, by the engine or by what a script has made of this call.
    pub async fn serve(self, state: Arc<State>, admitted: Admitted) -> Response<Body> {
        let Admitted { caller, principal } = admitted;
        let firing = state.script.fires(caller, &self.name);
        let fault = firing.as_ref().map(|firing| firing.effect().name());
        let mut entry = state.calls.begin(caller, self.name.clone(), fault);
        firing.iter().for_each(Firing::strikes);
        let Self { name, head, body, is_json, is_here } = self;
        let call = Named { state, name, head, is_json, is_here, principal };
        let is_held = firing.as_ref().is_some_and(|firing| firing.effect().holds());
        let exchange = async move {
            let response = match (firing, body) {
                (None, Content::Streams(body)) => call.take_effect(&Bytes::new(), body.boxed()).await,
                (None, Content::Known(body)) => call.take_effect(&body, full(body.clone())).await,
                // Read to its end, or nobody would notice that a caller on hold has hung up.
                (Some(firing), Content::Streams(body)) => match whole(body).await {
                    Ok(body) => call.under(&firing, &body, &mut entry).await,
                    Err(broken) => broken,
                },
                (Some(firing), Content::Known(body)) => call.under(&firing, &body, &mut entry).await,
            };
            entry.end(response.status().as_u16());
            response
        };
        if is_held {
            return exchange.await;
        }
        // As with AWS, what was read takes effect also when its caller does not wait for the reply.
        tokio::spawn(exchange).await.unwrap_or_else(|_| cut())
    }
}

async fn whole(body: Incoming) -> Result<Bytes, Response<Body>> {
    let body = body.collect().await.map_err(|_| reply(400, "text/plain", "the request broke off"))?;
    Ok(body.to_bytes())
}

/// A call without its body.
struct Named {
    state: Arc<State>,
    name: Name,
    head: Parts,
    is_json: bool,
    is_here: bool,
    principal: Option<Principal>,
}

impl Named {
    async fn take_effect(&self, known: &Bytes, body: Body) -> Response<Body> {
        let answer = match self.refusal(known).await {
            Ok(None) => self.state.answer(&self.name, &self.head, known, body, self.is_here).await,
            Ok(Some(refusal)) => Ok(refusal),
            Err(error) => Err(error),
        };
        let failed = |cause| error(&self.name.service, self.is_json, 500, "InternalFailure", &format!("{cause:#}"));
        answer.unwrap_or_else(failed)
    }

    /// That of IAM, which asks nobody but functions: the client is the account's admin.
    async fn refusal(&self, known: &Bytes) -> anyhow::Result<Option<Response<Body>>> {
        let Some(principal) = &self.principal else { return Ok(None) };
        self.state.iam.refusal(principal, &self.name, &self.head, known, self.is_json).await
    }

    /// What a fault makes of it.
    async fn under(&self, firing: &Firing, body: &Bytes, entry: &mut Entry) -> Response<Body> {
        let once = || self.take_effect(body, full(body.clone()));
        match firing.effect() {
            Effect::Delay(time) => {
                sleep(*time).await;
                once().await
            }
            Effect::LoseReply => {
                entry.end(once().await.status().as_u16());
                cut()
            }
            Effect::Duplicate => {
                once().await;
                once().await
            }
            Effect::HoldBefore => {
                firing.hold().await;
                once().await
            }
            Effect::HoldAfter => {
                let response = once().await;
                entry.end(response.status().as_u16());
                firing.hold().await;
                response
            }
            own => own.reply(&self.name.service, self.is_json).unwrap_or_else(cut),
        }
    }
}
