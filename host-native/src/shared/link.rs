//! One thread's way to all servers of a shared store: commands are grouped by the server that has their partition, each group is one
//! pipeline, and what moved in the meantime is followed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use redis::{Cmd, RedisError, ServerErrorKind, Value};

use super::address::ServerAddress;
use super::connection::{Connection, Credentials};
use super::meter::count;
use super::servers::Servers;

/// How often a command follows others to another server.
const HOPS: usize = 4;

/// A connection that was idle for longer is not used again: whoever closes idle ones does not say so.
const LONGEST_IDLE: Duration = Duration::from_secs(20);

/// Something to ask the server that has this partition.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) partition: u8,
    pub(super) command: Cmd,
}

/// The answer, and what the server's clock showed just before it.
#[derive(Debug)]
pub(super) struct Reply {
    /// Milliseconds since the Unix epoch.
    pub(super) now: u64,
    pub(super) value: Value,
}

/// The store did not do it, or did not say so in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable;

/// How many replicas have to have a write before it counts, and how long to wait for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Durability {
    /// With 0 nobody waits.
    pub replicas: u32,
    /// A write that fewer have by then is refused, though it may be there.
    pub patience: Duration,
}

/// A thread's connections.
pub(super) struct Link {
    servers: Arc<Servers>,
    credentials: Credentials,
    patience: Duration,
    durability: Option<Durability>,
    /// Whether it tries servers that others leave alone.
    probes: bool,
    connections: HashMap<ServerAddress, Pooled>,
}

impl Link {
    /// A link whose calls take no longer than about `patience`.
    pub(super) fn new(servers: Arc<Servers>, credentials: Credentials, patience: Duration) -> Self {
        Self { servers, credentials, patience, durability: None, probes: false, connections: HashMap::new() }
    }

    /// One that waits for replicas after each pipeline.
    pub(super) fn durable(self, durability: Durability) -> Self {
        Self { durability: (durability.replicas > 0).then_some(durability), ..self }
    }

    /// One that tries servers which failed, too.
    pub(super) fn probing(self) -> Self {
        Self { probes: true, ..self }
    }

    pub(super) fn servers(&self) -> &Arc<Servers> {
        &self.servers
    }

    pub(super) fn waits_for_replicas(&self) -> bool {
        self.durability.is_some()
    }

    /// Asks all of it, and waits for the answers. `writes`: they count only once the replicas have them.
    pub(super) fn call(&mut self, calls: &[Call], writes: bool) -> Vec<Result<Reply, Unavailable>> {
        let mut results: Vec<Result<Reply, Unavailable>> = calls.iter().map(|_| Err(Unavailable)).collect();
        let mut pending: Vec<Pending> = (0..calls.len()).map(|index| Pending { index, ask: None }).collect();
        for _ in 0..=HOPS {
            if pending.is_empty() {
                break;
            }
            pending = self.round(calls, pending, writes, &mut results);
        }
        results
    }

    /// Asks one server, whichever partitions it has.
    pub(super) fn ask(&mut self, server: &ServerAddress, command: &Cmd) -> Result<Value, RedisError> {
        let (patience, began) = (self.patience, Instant::now());
        let asked = self.connection(server).and_then(|connection| {
            connection.send(std::iter::once(command), patience)?;
            connection.receive(1, patience)
        });
        self.note(server, 1, began, asked.as_ref().err());
        asked?.pop().unwrap_or_default().extract_error()
    }

    /// Returns what has to be asked again, elsewhere.
    fn round(
        &mut self,
        calls: &[Call],
        pending: Vec<Pending>,
        writes: bool,
        results: &mut [Result<Reply, Unavailable>],
    ) -> Vec<Pending> {
        let mut groups: Vec<(ServerAddress, Vec<Pending>)> = vec![];
        for pending in pending {
            let owner = pending.ask.clone().or_else(|| self.servers.owner(calls[pending.index].partition));
            let Some(server) = owner else {
                self.servers.outdate();
                continue;
            };
            match groups.iter_mut().find(|(other, _)| *other == server) {
                Some((_, group)) => group.push(pending),
                None => groups.push((server, vec![pending])),
            }
        }
        let wait = self.durability.filter(|_| writes);
        let began = Instant::now();
        // All go out before the first answer is waited for.
        let sent: Vec<_> = groups
            .into_iter()
            .filter_map(|(server, group)| {
                let commands = pipeline(calls, &group, wait);
                self.send(&server, &commands, wait).then_some((server, group, commands.len()))
            })
            .collect();
        let mut again = vec![];
        for (server, group, commands) in sent {
            let patience = self.patience_for(wait);
            let Some(pooled) = self.connections.get_mut(&server) else { continue };
            let answers = pooled.connection.receive(commands, patience);
            self.note(&server, commands, began, answers.as_ref().err());
            if let Ok(answers) = answers {
                self.sort(calls, &server, group, answers, wait, results, &mut again);
            }
        }
        again
    }

    fn send(&mut self, server: &ServerAddress, commands: &[Cmd], wait: Option<Durability>) -> bool {
        if !self.servers.may_try(server, self.probes) {
            return false;
        }
        let patience = self.patience_for(wait);
        let began = Instant::now();
        let sent = self.connection(server).and_then(|connection| connection.send(commands.iter(), patience));
        if let Err(error) = &sent {
            self.note(server, commands.len(), began, Some(error));
        }
        sent.is_ok()
    }

    /// Gives each command its answer, or another server to ask.
    #[expect(clippy::too_many_arguments, reason = "all of it is one round")]
    fn sort(
        &mut self,
        calls: &[Call],
        server: &ServerAddress,
        group: Vec<Pending>,
        answers: Vec<Value>,
        wait: Option<Durability>,
        results: &mut [Result<Reply, Unavailable>],
        again: &mut Vec<Pending>,
    ) {
        let replicated = wait.is_none_or(|wait| {
            matches!(answers.last(), Some(Value::Int(replicas)) if *replicas >= i64::from(wait.replicas))
        });
        if !replicated {
            self.servers.refusals.log(|| {
                tracing::warn!(%server, "a write is not acknowledged: fewer replicas have it than --store-replicas");
            });
        }
        let mut answers = answers.into_iter();
        let now = answers.next().and_then(|time| millis(&time));
        for pending in group {
            if pending.ask.is_some() {
                answers.next(); // That of `ASKING`.
            }
            let (index, value) = (pending.index, answers.next().unwrap_or_default());
            if let Value::ServerError(error) = value {
                match error.kind() {
                    Some(ServerErrorKind::Moved) => {
                        count(&self.servers.meter.redirects);
                        if let Some(to) = redirect(error.into(), server) {
                            self.servers.moved(calls[index].partition, to);
                            again.push(Pending { index, ask: None });
                        }
                    }
                    Some(ServerErrorKind::Ask) => {
                        count(&self.servers.meter.redirects);
                        if let Some(to) = redirect(error.into(), server) {
                            again.push(Pending { index, ask: Some(to) });
                        }
                    }
                    // It was emptied, or only just became a primary: a new connection teaches it the scripts.
                    Some(ServerErrorKind::NoScript) => {
                        self.connections.remove(server);
                        again.push(pending);
                    }
                    // It is no primary any more: whoever its name stands for now is to be found.
                    Some(ServerErrorKind::ReadOnly) => {
                        self.connections.remove(server);
                        self.servers.refused(server, &error);
                    }
                    _ => {
                        self.servers.refused(server, &error);
                        self.servers.outdate();
                    }
                }
            } else if let (Some(now), true) = (now, replicated) {
                results[index] = Ok(Reply { now, value });
            }
        }
    }

    fn patience_for(&self, wait: Option<Durability>) -> Duration {
        self.patience + wait.map_or(Duration::ZERO, |wait| wait.patience)
    }

    fn connection(&mut self, server: &ServerAddress) -> Result<&mut Connection, RedisError> {
        let failures = self.servers.failures(server);
        let fit = |pooled: &Pooled| pooled.failures == failures && pooled.used.elapsed() < LONGEST_IDLE;
        if !self.connections.get(server).is_some_and(fit) {
            // Closed before the next is opened, as are those to servers that nobody asks any more.
            let owners = self.servers.owners();
            self.connections.retain(|other, _| other != server && owners.contains(other));
            let connection =
                Connection::open(&self.servers.address, server, &self.credentials, self.patience)?;
            self.connections.insert(server.clone(), Pooled { connection, failures, used: Instant::now() });
        }
        let pooled = self.connections.get_mut(server).expect("it is there by now");
        pooled.used = Instant::now();
        Ok(&mut pooled.connection)
    }

    /// Counts, and gives up a connection that failed.
    fn note(&mut self, server: &ServerAddress, commands: usize, began: Instant, error: Option<&RedisError>) {
        self.servers.meter.sent(commands, began.elapsed());
        let Some(error) = error else { return self.servers.answers(server) };
        self.servers.meter.failures.fetch_add(1, Ordering::Relaxed);
        self.connections.remove(server);
        self.servers.failed(server, error);
    }
}

struct Pooled {
    connection: Connection,
    /// How often its server had failed before it was opened.
    failures: u64,
    used: Instant,
}

#[derive(Clone, Debug)]
struct Pending {
    index: usize,
    /// A server that has not taken the partition over yet, but has this key already.
    ask: Option<ServerAddress>,
}

/// The time first; at the end, if need be, how many replicas have it all.
fn pipeline(calls: &[Call], group: &[Pending], wait: Option<Durability>) -> Vec<Cmd> {
    let mut commands = vec![redis::cmd("TIME")];
    for pending in group {
        if pending.ask.is_some() {
            commands.push(redis::cmd("ASKING"));
        }
        commands.push(calls[pending.index].command.clone());
    }
    if let Some(wait) = wait {
        let mut command = redis::cmd("WAIT");
        command.arg(wait.replicas).arg(u64::try_from(wait.patience.as_millis()).unwrap_or(u64::MAX));
        commands.push(command);
    }
    commands
}

/// Of `[seconds, microseconds]`.
fn millis(time: &Value) -> Option<u64> {
    let Value::Array(parts) = time else { return None };
    let number = |part: &Value| {
        let Value::BulkString(digits) = part else { return None };
        std::str::from_utf8(digits).ok()?.parse::<u64>().ok()
    };
    let [seconds, micros] = parts.as_slice() else { return None };
    number(seconds)?.checked_mul(1000)?.checked_add(number(micros)? / 1000)
}

/// Where `MOVED` and `ASK` point; without a host, at another port of the server that said so.
fn redirect(error: RedisError, from: &ServerAddress) -> Option<ServerAddress> {
    let (address, _) = error.redirect_node()?;
    let (host, port) = address.rsplit_once(':')?;
    let host = if host.is_empty() { &from.host } else { host.trim_matches(['[', ']']) };
    Some(ServerAddress { host: host.to_owned(), port: port.parse().ok()? })
}
