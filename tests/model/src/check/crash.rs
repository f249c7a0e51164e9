//! Who is back after a crash: everybody whose registration was answered, nobody whose logout was, and of those who were
//! gone only such as may be.

use rendezvous_protocol::{Change, ClientId, Removal};
use rendezvous_wasm::world::{Action, WRITE_BEHIND, World};

use super::as_record;
use crate::model::Model;

/// Tells the model who has not come back, of those who were gone and may be back after a crash, if `action` is one.
pub fn settle(world: &World, model: &mut Model, action: &Action) {
    let Action::Crash { .. } = action else { return };
    for client in model.registered() {
        if model.either_way(client) && world.server().record(world.id(client)).is_none() {
            model.stays_gone(client);
        }
    }
}

/// Whom the server said to be gone, and how much time had really passed then, as far as that may not be on disk.
#[derive(Debug, Default)]
pub(super) struct Expiries(Vec<(ClientId, u64)>);

impl Expiries {
    /// The world has just done `action`, before which so much time had really passed as `since`.
    ///
    /// # Errors
    /// Who is back and must not be, or the other way round; and who is not known as it was on disk.
    pub(super) fn see(
        &mut self,
        world: &World,
        model: &mut Model,
        action: &Action,
        since: u64,
    ) -> Result<(), String> {
        for change in world.changes() {
            match *change {
                Change::Removed { id, cause: Removal::Expired } => self.0.push((id, world.elapsed())),
                Change::Registered { id, .. } => self.0.retain(|&(gone, _)| gone != id),
                Change::Moved { .. } | Change::Verified { .. } | Change::Removed { .. } => {}
            }
        }
        if let Action::Crash { unwritten, .. } = *action {
            let clients = model.registered();
            for &client in &clients {
                self.may_be(world, model, client, since, unwritten)?;
            }
            settle(world, model, action);
            for client in clients {
                is_as_written(world, model, client)?;
            }
        }
        // An end in good order writes all, also whom it finds to be gone.
        if matches!(action, Action::Crash { .. } | Action::Restart { .. }) {
            self.0.clear();
        }
        Ok(())
    }

    /// Of one who was gone before the crash: whether it may be back, or may not be.
    fn may_be(
        &self,
        world: &World,
        model: &Model,
        client: u16,
        killed: u64,
        unwritten: u64,
    ) -> Result<(), String> {
        if !model.either_way(client) {
            return Ok(());
        }
        let id = world.id(client);
        let told = self.0.iter().find(|(gone, _)| *gone == id).map(|&(_, at)| killed - at);
        match (told, world.server().record(id)) {
            (None, None) => {
                Err(format!("client {client} is not back, and nobody had been told to remove it"))
            }
            (Some(age), Some(_)) if age >= unwritten.min(WRITE_BEHIND) => {
                Err(format!("client {client} is back, whose removal of {age} ms before the end was on disk"))
            }
            _ => Ok(()),
        }
    }
}

fn is_as_written(world: &World, model: &Model, client: u16) -> Result<(), String> {
    let record = world.server().record(world.id(client));
    let expected = model.standing(client).map(as_record);
    if record == expected {
        Ok(())
    } else {
        Err(format!("client {client} is back as {record:?}, where the model says {expected:?}"))
    }
}
