//! What an operator can do with a shared store, beside the nodes that use it: look at its clients, save them, and bring some in.

use std::collections::{HashMap, HashSet};
use std::io::{self, BufRead, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redis::{Cmd, RedisError, Value};
use rendezvous_protocol::{ClientId, StoredRecord, UnixTime};

use super::address::ServerAddress;
use super::keys::{self, Keys, PARTITIONS};
use super::link::{Call, Link};
use super::perform::OUTAGE_ALLOWANCE;
use super::servers::Servers;
use super::{SharedError, SharedOptions, watcher};
use crate::store::StoreError;
use crate::store::lines;
use crate::store::operator::{Contents, OperatorError};

/// How many keys are asked for at a time: a server does nothing else meanwhile.
const AT_ONCE: usize = 512;

/// Milliseconds: nodes refresh the markers more often.
const STILL_IN_USE: u64 = 5_000;

/// How long a client that was imported is kept, until a node hears of it.
const IMPORTED_LASTS: Duration = Duration::from_secs(24 * 3600);

/// Is shown some ids of a scan, and says whether it wants to see more.
type Look<'a> = dyn FnMut(&mut Link, Vec<ClientId>) -> Result<bool, OperatorError> + 'a;

/// The clients of a shared store, for an operator.
pub struct SharedContents {
    keys: Keys,
    prefix: String,
    link: Mutex<Link>,
}

impl std::fmt::Debug for SharedContents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedContents").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl SharedContents {
    /// Connects to the store.
    ///
    /// # Errors
    /// [`SharedError`]
    pub fn open(options: SharedOptions) -> Result<Self, SharedError> {
        let keys = Keys::new(&options.prefix).map_err(SharedError::Options)?;
        let servers = Arc::new(Servers::new(options.address));
        let mut link = Link::new(servers, options.credentials, options.patience).probing();
        watcher::learn(&mut link)?;
        Ok(Self { keys, prefix: options.prefix, link: Mutex::new(link) })
    }

    /// Reads all clients. `progress` is told how many keys were looked at, and roughly how many there are.
    ///
    /// # Errors
    /// [`OperatorError`], if a value is no client say.
    pub fn check(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<Contents, OperatorError> {
        self.read(&mut |_, _| Ok(()), progress)
    }

    /// Writes the clients to `output`, one a line, in no order that means anything, and without those that are gone. What nodes
    /// change meanwhile may be in it or not. For `progress` see [`SharedContents::check`].
    ///
    /// # Errors
    /// [`OperatorError`]
    pub fn export(
        &self,
        output: &mut dyn Write,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Contents, OperatorError> {
        let contents = self.read(&mut |id, record| lines::write(output, id, record), progress)?;
        output.flush().map_err(OperatorError::Output)?;
        Ok(contents)
    }

    /// Puts the clients in `input` into the store, one a line as exports write them; the later line of a client counts. Each gets as
    /// long as if it had just been heard. `progress` is told how many are there. Nothing is done unless all lines are good, and the
    /// store has no clients and no nodes yet.
    ///
    /// # Errors
    /// [`OperatorError`]
    pub fn import(
        &self,
        input: &mut dyn BufRead,
        progress: &mut dyn FnMut(u64),
    ) -> Result<u64, OperatorError> {
        let mut link = self.link.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut clients = HashMap::new();
        lines::read(input, |_, id, record| {
            clients.insert(id, record);
            Ok(())
        })?;
        for server in link.servers().owners() {
            let mut found = false;
            self.scan(&mut link, &server, &mut |_, ids| {
                found |= !ids.is_empty();
                Ok(!found)
            })?;
            if found {
                let address = &link.servers().address;
                return Err(OperatorError::Exists(format!("{address} with clients under {:?}", self.prefix)));
            }
        }
        // A node would take these clients for ones that were silent.
        let now = self.marker_times(&mut link, "alive")?;
        if now.iter().any(|&(now, alive)| now < alive.saturating_add(STILL_IN_USE)) {
            let name = link.servers().address.to_string();
            return Err(StoreError::InUse { name }.into());
        }
        let (clients, mut done): (Vec<_>, u64) = (clients.into_iter().collect(), 0);
        let lasts = u64::try_from(IMPORTED_LASTS.as_millis()).unwrap_or(u64::MAX);
        for some in clients.chunks(AT_ONCE) {
            let calls: Vec<Call> = some
                .iter()
                .map(|(id, record)| {
                    let mut command = redis::cmd("SET");
                    command.arg(self.keys.client(*id)).arg(record.encode(*id).as_bytes());
                    command.arg("PX").arg(lasts);
                    Call { partition: keys::partition(*id), command }
                })
                .collect();
            let set = link.call(&calls, true).iter().filter(|reply| reply.is_ok()).count();
            done += set as u64;
            if set < some.len() {
                return Err(OperatorError::Partial(done, clients.len() as u64));
            }
            progress(done);
        }
        // The first node says that the store is back just now.
        self.forget_markers(&mut link)?;
        Ok(done)
    }

    /// Shows each client to `look`.
    fn read(
        &self,
        look: &mut dyn FnMut(ClientId, &StoredRecord) -> io::Result<()>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Contents, OperatorError> {
        let mut link = self.link.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let resumed: Vec<u64> =
            self.marker_times(&mut link, "resumed")?.into_iter().map(|(_, resumed)| resumed).collect();
        let (mut contents, mut seen, mut looked_at) = (Contents::default(), HashSet::new(), 0);
        let total = watcher::count_clients(&mut link) as u64;
        for server in link.servers().owners() {
            self.scan(&mut link, &server, &mut |link, mut ids| {
                // A scan may show a key twice.
                ids.retain(|id| seen.insert(*id));
                looked_at += ids.len() as u64;
                for (id, record) in self.fetch(link, &ids, &resumed)? {
                    contents.clients += 1;
                    contents.with_address += u64::from(record.address.is_some());
                    look(id, &record).map_err(OperatorError::Output)?;
                }
                progress(looked_at, total.max(looked_at));
                Ok(true)
            })?;
        }
        Ok(contents)
    }

    /// Shows the ids on a server to `look`, some at a time, until it has seen enough.
    fn scan(
        &self,
        link: &mut Link,
        server: &ServerAddress,
        look: &mut Look<'_>,
    ) -> Result<(), OperatorError> {
        let mut cursor = b"0".to_vec();
        loop {
            let mut command = redis::cmd("SCAN");
            command.arg(&cursor).arg("MATCH").arg(self.keys.pattern()).arg("COUNT").arg(AT_ONCE);
            let (next, found) = asked(link, server, &command).and_then(|reply| {
                page(reply).ok_or_else(|| damaged(link, "its answer to SCAN is none".into()))
            })?;
            let ids = found.iter().filter_map(|key| self.keys.client_of(key)).collect();
            if !look(link, ids)? || next == b"0" {
                return Ok(());
            }
            cursor = next;
        }
    }

    /// The records of these clients, but for those that are gone. How long a client may be silent follows from how long its key was
    /// to last when it was heard.
    fn fetch(
        &self,
        link: &mut Link,
        ids: &[ClientId],
        resumed: &[u64],
    ) -> Result<Vec<(ClientId, StoredRecord)>, OperatorError> {
        let commands = |name| {
            ids.iter().map(move |&id| {
                let mut command = redis::cmd(name);
                command.arg(self.keys.client(id));
                Call { partition: keys::partition(id), command }
            })
        };
        let calls: Vec<Call> = commands("GET").chain(commands("PTTL")).collect();
        let mut replies = link.call(&calls, false);
        let lasting = replies.split_off(ids.len());
        let mut records = vec![];
        for ((&id, value), lasts) in ids.iter().zip(replies).zip(lasting) {
            let (Ok(value), Ok(lasts)) = (value, lasts) else { return Err(away(link)) };
            let (Value::BulkString(bytes), Value::Int(lasts)) = (value.value, lasts.value) else {
                continue; // It expired meanwhile.
            };
            let record = StoredRecord::decode(id, &bytes)
                .map_err(|error| damaged(link, format!("the value of client {id} is no record: {error}")))?;
            let (now, heard) = (value.now, record.last_seen.map_or(0, UnixTime::as_millis));
            let allowance = u64::try_from(OUTAGE_ALLOWANCE.as_millis()).unwrap_or(u64::MAX);
            let gone_after =
                (u64::try_from(lasts).unwrap_or(0) + now.saturating_sub(heard)).saturating_sub(allowance);
            let judged = now.saturating_sub(heard.max(resumed[usize::from(keys::partition(id))]));
            if judged < gone_after {
                records.push((id, record));
            }
        }
        Ok(records)
    }

    /// The store's time, and one of those in its marker or 0, for each partition.
    fn marker_times(&self, link: &mut Link, field: &str) -> Result<Vec<(u64, u64)>, OperatorError> {
        let calls = self.of_markers(|key| {
            let mut command = redis::cmd("HGET");
            command.arg(key).arg(field);
            command
        });
        let mut times = vec![];
        for reply in link.call(&calls, false) {
            let reply = reply.map_err(|_| away(link))?;
            let digits = if let Value::BulkString(digits) = reply.value { digits } else { vec![] };
            let time = std::str::from_utf8(&digits).ok().and_then(|digits| digits.parse().ok());
            times.push((reply.now, time.unwrap_or(0)));
        }
        Ok(times)
    }

    /// The next node that looks at them says that the store is back just now.
    fn forget_markers(&self, link: &mut Link) -> Result<(), OperatorError> {
        let calls = self.of_markers(|key| {
            let mut command = redis::cmd("DEL");
            command.arg(key);
            command
        });
        if link.call(&calls, true).iter().all(Result::is_ok) { Ok(()) } else { Err(away(link)) }
    }

    fn of_markers(&self, command: impl Fn(&[u8]) -> Cmd) -> Vec<Call> {
        debug_assert_eq!(PARTITIONS, usize::from(u8::MAX) + 1);
        let call = |partition| Call { partition, command: command(&self.keys.marker(partition)) };
        (0..=u8::MAX).map(call).collect()
    }
}

/// `[cursor, [key, …]]`
fn page(reply: Value) -> Option<(Vec<u8>, Vec<Vec<u8>>)> {
    let Value::Array(parts) = reply else { return None };
    let Ok([Value::BulkString(cursor), Value::Array(keys)]) = <[Value; 2]>::try_from(parts) else {
        return None;
    };
    let keys =
        keys.into_iter().filter_map(|key| if let Value::BulkString(key) = key { Some(key) } else { None });
    Some((cursor, keys.collect()))
}

fn asked(link: &mut Link, server: &ServerAddress, command: &Cmd) -> Result<Value, OperatorError> {
    let unreachable = |error: RedisError| SharedError::Unreachable(server.clone(), error).into();
    link.ask(server, command).map_err(unreachable)
}

fn damaged(link: &Link, what: String) -> OperatorError {
    StoreError::Damaged { name: link.servers().address.to_string(), what }.into()
}

fn away(link: &Link) -> OperatorError {
    let error =
        io::Error::new(io::ErrorKind::TimedOut, "a server of it does not answer, or refuses a command");
    StoreError::Io { name: link.servers().address.to_string(), error }.into()
}
