//! The whole server as one function from inputs to outputs. It has no rules of its own.

use crate::lifecycle::{Observation, Registration};
use crate::{
    Change, ClientId, Clock, DatagramContent, DropReason, Input, Outcome, Output, Rejection, Request,
    Response, Server,
};

impl Server {
    /// Handles one input. What it changed is reported to `changes` before the output is returned.
    pub fn handle(&mut self, at: Clock, input: Input, changes: &mut impl FnMut(Change)) -> Output {
        match input {
            Input::Datagram { content: DatagramContent::Noise(reason), .. } => self.drop_datagram(reason),
            Input::Datagram { source, content: DatagramContent::Pulse(_) } if source.port() == 0 => {
                // The decoder makes no such input, but a trace may hold one.
                self.drop_datagram(DropReason::SourcePortZero)
            }
            Input::Datagram { source, content: DatagramContent::Pulse(id) } => {
                let code = report(self.pulse(at, id, source), changes);
                Output::Transmit { destination: source, code }
            }
            Input::Request(request) => {
                self.handle_request(at, request, changes).unwrap_or_else(Output::Rejection)
            }
            Input::Tick { budget } => Output::Ticked(self.tick(at, budget as usize, changes)),
            Input::Resume { since } => {
                self.resume(at, since, changes);
                Output::Resumed
            }
        }
    }

    fn drop_datagram(&mut self, reason: DropReason) -> Output {
        match reason {
            DropReason::WrongLength => self.counters.dropped_wrong_length += 1,
            DropReason::SourcePortZero => self.counters.dropped_port_zero += 1,
        }
        Output::Dropped(reason)
    }

    fn handle_request(
        &mut self,
        at: Clock,
        request: Request,
        changes: &mut impl FnMut(Change),
    ) -> Result<Output, Rejection> {
        let timestamp = at.unix;
        let response = match request {
            Request::Register { id } => {
                return Ok(match report(self.register(at, id), changes) {
                    Registration::Registered => Output::Registered { client_id: id, timestamp },
                    Registration::Taken => Output::Taken,
                });
            }
            Request::Verify { caller } => {
                report(self.verify(at, caller), changes)?;
                Response::Verified { client_id: caller, timestamp }
            }
            Request::Logout { caller } => {
                report(self.logout(at, caller), changes)?;
                Response::LoggedOut { client_id: caller }
            }
            Request::PeerAddress { caller, peer } => {
                let (id, observation) = self.look_up(at, caller, peer)?;
                Response::peer_address(id, observation, timestamp)?
            }
            Request::PeerStatus { caller, peer } => {
                let (id, observation) = self.look_up(at, caller, peer)?;
                Response::peer_status(id, observation, timestamp)
            }
        };
        Ok(Output::Response(response))
    }

    /// Credentials first, then the path, then the peer: what is wrong first is what the caller is told.
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
