//! A connection to one server of a shared store: a pipeline goes out, its answers come back, or the connection is given up.

use std::io;
use std::time::{Duration, Instant};

use redis::{
    Cmd, Connection as Wire, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo,
    RedisResult, Value,
};

use super::address::{ServerAddress, StoreAddress};
use super::scripts;

/// Who the node is to the store.
#[derive(Clone, Default)]
pub struct Credentials {
    /// The user; without one it is the store's default user.
    pub user: Option<String>,
    /// The password, if there is one.
    pub password: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// An open connection. After an error it is of no use: answers that come late would be taken for others.
pub(super) struct Connection(Wire);

impl Connection {
    /// Opens one, and makes the scripts known to the server.
    pub(super) fn open(
        store: &StoreAddress,
        server: &ServerAddress,
        credentials: &Credentials,
        patience: Duration,
    ) -> RedisResult<Self> {
        let wire =
            redis::Client::open(info(store, server, credentials)?)?.get_connection_with_timeout(patience)?;
        let mut connection = Self(wire);
        let scripts = scripts::load();
        connection.send(scripts.iter(), patience)?;
        for loaded in connection.receive(scripts.len(), patience)? {
            loaded.extract_error()?;
        }
        Ok(connection)
    }

    /// Sends a pipeline.
    pub(super) fn send<'a>(
        &mut self,
        commands: impl Iterator<Item = &'a Cmd>,
        patience: Duration,
    ) -> RedisResult<()> {
        let mut bytes = vec![];
        for command in commands {
            command.write_packed_command(&mut bytes);
        }
        self.0.set_write_timeout(Some(patience))?;
        self.0.set_read_timeout(Some(patience))?;
        self.0.send_packed_command(&bytes)
    }

    /// Receives the answers to as many commands; one that comes in drops does not take much longer than one that does not come. An
    /// error of the server to a single command is a value.
    pub(super) fn receive(&mut self, commands: usize, patience: Duration) -> RedisResult<Vec<Value>> {
        let began = Instant::now();
        let mut answers = Vec::with_capacity(commands);
        for _ in 0..commands {
            answers.push(self.0.recv_response()?);
            if began.elapsed() > patience && answers.len() < commands {
                return Err(io::Error::from(io::ErrorKind::TimedOut).into());
            }
        }
        Ok(answers)
    }
}

fn info(
    store: &StoreAddress,
    server: &ServerAddress,
    credentials: &Credentials,
) -> RedisResult<ConnectionInfo> {
    let (host, port) = (server.host.clone(), server.port);
    let address = if store.tls {
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    };
    let mut redis = RedisConnectionInfo::default().set_db(i64::from(store.database)).set_skip_set_lib_name();
    if let Some(user) = &credentials.user {
        redis = redis.set_username(user);
    }
    if let Some(password) = &credentials.password {
        redis = redis.set_password(password);
    }
    Ok(address.into_connection_info()?.set_redis_settings(redis))
}
