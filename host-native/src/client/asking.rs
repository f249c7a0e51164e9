//! The client machine's requests as calls of the server, and the answers as what the machine makes of them.

use hyper::Method;
use rendezvous_protocol::client::{Answer, Request};
use rendezvous_protocol::http::PeerAddressBody;

use super::Credentials;
use super::http::{CallError, Http, Ok200};

/// Makes a request. A registration comes with new credentials.
///
/// # Errors
/// [`CallError`]
pub(super) async fn ask(
    http: &Http,
    credentials: Option<&Credentials>,
    request: Request,
) -> Result<(Answer, Option<Credentials>), CallError> {
    let credentials = || credentials.ok_or_else(|| CallError::Failed("there is no key".to_owned()));
    Ok(match request {
        Request::Register => {
            let new = http.register().await?;
            (Answer::Registered { id: new.id(), timing: new.timing() }, Some(new))
        }
        Request::Verify => {
            http.call_as::<Ok200>(credentials()?, Method::POST, "/verify").await?;
            (Answer::Done, None)
        }
        Request::Logout => {
            http.call_as::<Ok200>(credentials()?, Method::POST, "/logout").await?;
            (Answer::Done, None)
        }
        Request::OwnAddress => {
            let own = credentials()?;
            let body: PeerAddressBody =
                http.call_as(own, Method::GET, &format!("/peer/{}/udp", own.id())).await?;
            (Answer::Address((body.host, body.port).into()), None)
        }
    })
}

/// What a failure is to the machine, and to people. Only the code of the specification costs an id: a proxy's 401 does not.
pub(super) fn understand(error: CallError) -> (Answer, String) {
    match error {
        CallError::Refused { status: 401, code: Some(code), .. } if code == "unknown_client" => {
            (Answer::Unknown, "it does not know this client".to_owned())
        }
        CallError::Refused { status, code, retry_after } => {
            let code = code.map(|code| format!(" {code}")).unwrap_or_default();
            (Answer::Refused { retry_after }, format!("it refuses: {status}{code}"))
        }
        CallError::Failed(why) => (Answer::Failed, why),
    }
}
