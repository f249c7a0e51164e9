//! The whole server as one function from inputs to outputs. It has no rules of its own.

use crate::lifecycle::{Observation, Registration};
use crate::{
    Change, ClientId, Clock, DatagramContent, Input, Outcome, Output, Rejection, Request, Response, Server,
};

impl Server {
    /// Handles one input. What it changed is reported to `changes` before the output is returned.
    pub fn handle(&mut self, at: Clock, input: Input, changes: &mut impl FnMut(Change)) -> Output {
        match input {
            Input::Datagram { content: DatagramContent::Noise(reason), .. } => Output::Dropped(reason),
            Input::Datagram { source, content: DatagramContent::Pulse(id) } => {
                let code = report(self.pulse(at, id, source), changes);
                Output::Transmit { destination: source, code }
            }
            Input::Request(request) => {
                self.handle_request(at, request, changes).unwrap_or_else(Output::Rejection)
            }
            Input::Tick { budget } => Output::Ticked(self.tick(at, budget, changes)),
            Input::Resume => {
                self.resume(at);
                Output::Resumed
            }
        }
    }

    fn handle_request(
        &mut self,
        at: Clock,
        request: Request,
        changes: &mut impl FnMut(Change),
    ) -> Result<Output, Rejection> {
        let timestamp = at.unix;
        let response = match request {
            Request::Register { id } => match report(self.register(at, id), changes) {
                Registration::Registered => Response::Registered { client_id: id, timestamp },
                Registration::Taken => return Ok(Output::Taken),
            },
            Request::Verify { caller } => {
                report(self.verify(at, caller), changes)?;
                Response::Verified { client_id: caller, timestamp }
            }
            Request::Logout { caller } => {
                report(self.logout(at, caller), changes)?;
                Response::LoggedOut { client_id: caller }
            }
            Request::PeerAddress { caller, peer } => {
                let (client_id, Observation { address, last_online, .. }) = self.look_up(at, caller, peer)?;
                let address = address.ok_or(Rejection::AddressUnknown)?;
                Response::PeerAddress { client_id, address, last_online, timestamp }
            }
            Request::PeerStatus { caller, peer } => {
                let (client_id, Observation { status, last_online, .. }) = self.look_up(at, caller, peer)?;
                Response::PeerStatus { client_id, status, last_online, timestamp }
            }
        };
        Ok(Output::Response(response))
    }

    /// Credentials first, then the path, then the peer (design of the HTTP errors: in this order).
    fn look_up(
        &mut self,
        at: Clock,
        caller: ClientId,
        peer: Option<ClientId>,
    ) -> Result<(ClientId, Observation), Rejection> {
        self.authorize(at, caller)?;
        let peer = peer.ok_or(Rejection::MalformedClientId)?;
        let observation = self.observe(at, peer).map_err(|_| Rejection::UnknownPeer)?;
        Ok((peer, observation))
    }
}

fn report<A>(outcome: Outcome<A>, changes: &mut impl FnMut(Change)) -> A {
    if let Some(change) = outcome.change {
        changes(change);
    }
    outcome.answer
}
