//! The server under test as its users see it: a base URL and a UDP address.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rendezvous_crowd::TestRng;
use rendezvous_protocol::http::RegisterBody;
use rendezvous_protocol::{ClientId, PulseCode};
use serde_json::Value;
use ureq::Agent;
use ureq::http::{HeaderMap, Method, Request};

/// How long to wait for an answer that must come. On loopback it takes well below a millisecond.
const PATIENCE: Duration = Duration::from_secs(5);

/// A server under test.
#[derive(Clone, Debug)]
pub struct Target {
    http: String,
    udp: SocketAddr,
    agent: Agent,
    /// More nodes of the same service: then each call goes to any of them.
    others: Vec<Self>,
    rng: Arc<Mutex<TestRng>>,
}

/// An answer over HTTP.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, if it is JSON.
    pub json: Value,
}

/// A registered client with a UDP socket of its own.
#[derive(Debug)]
pub struct Client<'a> {
    target: &'a Target,
    /// What the registration was answered with.
    pub registration: RegisterBody,
    /// From where it pulses.
    pub socket: UdpSocket,
}

impl Target {
    /// The server at the base URL `http` (without a slash at the end) and at `udp`.
    pub fn new(http: impl Into<String>, udp: SocketAddr) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE));
        Self {
            http: http.into(),
            udp,
            agent: config.build().into(),
            others: vec![],
            rng: Arc::new(Mutex::new(TestRng::new(u64::from(udp.port())))),
        }
    }

    /// Several nodes of one service: each request and each [`Client::pulse`] goes to any of them. What knows of one node only, such
    /// as a socket, goes to the first.
    pub fn spread(nodes: &[&Self]) -> Self {
        let (first, others) = nodes.split_first().expect("at least one node");
        Self { others: others.iter().map(|&node| node.clone()).collect(), ..(*first).clone() }
    }

    /// The node that is to be asked next.
    fn node(&self) -> &Self {
        let nodes = self.others.len() + 1;
        let which = self.rng.lock().unwrap_or_else(PoisonError::into_inner).below(nodes);
        which.checked_sub(1).map_or(self, |other| &self.others[other])
    }

    /// Its base URL.
    pub fn http(&self) -> &str {
        &self.http
    }

    /// Address of its base URL.
    pub fn http_address(&self) -> SocketAddr {
        self.authority().parse().expect("an IP address and a port")
    }

    fn authority(&self) -> &str {
        self.http.strip_prefix("http://").expect("a plain URL")
    }

    /// Where it takes pulses.
    pub fn udp(&self) -> SocketAddr {
        self.udp
    }

    /// Calls a route with these `Authorization` headers.
    pub fn call(&self, method: Method, path: &str, authorization: &[&str]) -> Answer {
        self.send(method, path, authorization, "")
    }

    /// Calls a route with a body too.
    pub fn send(&self, method: Method, path: &str, authorization: &[&str], body: &str) -> Answer {
        self.try_send(method, path, authorization, body).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// The same with a server that may go away meanwhile.
    ///
    /// # Errors
    /// If there is no answer, or not all of it.
    pub fn try_send(
        &self,
        method: Method,
        path: &str,
        authorization: &[&str],
        body: &str,
    ) -> Result<Answer, ureq::Error> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.node().http));
        for header in authorization {
            request = request.header("authorization", *header);
        }
        let mut response = self.agent.run(request.body(body.to_owned()).expect("a valid request"))?;
        let text = response.body_mut().read_to_string()?;
        Ok(Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            json: serde_json::from_str(&text).unwrap_or(Value::Null),
        })
    }

    /// Sends bytes that no HTTP library would, and returns all that comes back.
    pub fn send_raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.authority()).expect("the server accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.write_all(bytes).expect("the server reads");
        let mut answer = vec![];
        stream.read_to_end(&mut answer).expect("the server answers and closes");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Requests a path and returns the whole answer as text.
    pub fn get_raw(&self, path: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        self.send_raw(request.as_bytes())
    }

    /// Series of `/metrics` with their values, of the operator's listener. No series may be there twice.
    pub fn metrics(&self) -> BTreeMap<String, f64> {
        let answer = self.get_raw("/metrics");
        let (_, text) = answer.split_once("\r\n\r\n").expect("a body");
        assert!(text.ends_with("# EOF\n"), "{text}");
        let mut metrics = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            let value = value.parse().expect("a number");
            assert_eq!(metrics.insert(name.into(), value), None, "{name} is there twice");
        }
        metrics
    }

    /// Registers a client.
    pub fn register(&self) -> Client<'_> {
        let answer = self.call(Method::POST, "/register", &[]);
        assert_eq!(answer.status, 200, "{answer}");
        self.client(answer)
    }

    /// The client of this answer to a registration.
    pub fn client(&self, answer: Answer) -> Client<'_> {
        let registration = serde_json::from_value(answer.json).expect("a registration");
        Client { target: self, registration, socket: self.socket() }
    }

    /// A socket connected to the server: it takes nothing that comes from elsewhere.
    pub fn socket(&self) -> UdpSocket {
        let local: IpAddr = if self.udp.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
        let socket = UdpSocket::bind((local, 0)).expect("a socket");
        socket.connect(self.udp).expect("a connected socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        socket
    }
}

impl Client<'_> {
    /// The server that it is a client of.
    pub fn target(&self) -> &Target {
        self.target
    }

    /// Its id.
    pub fn id(&self) -> ClientId {
        self.registration.client_id
    }

    /// Its key in hex.
    pub fn key_hex(&self) -> String {
        hex(self.registration.private_id.reveal())
    }

    /// The value of its `Authorization` header.
    pub fn bearer(&self) -> String {
        bearer(self.registration.private_id.reveal())
    }

    /// Pulses, and returns the code it is answered with.
    pub fn pulse(&self) -> u16 {
        self.pulse_from(&self.socket)
    }

    /// Pulses from another socket.
    pub fn pulse_from(&self, socket: &UdpSocket) -> u16 {
        if !self.target.others.is_empty() {
            socket.connect(self.target.node().udp).expect("a connected socket");
        }
        socket.send(self.registration.private_id.reveal()).expect("a pulse is sent");
        receive_code(socket)
    }

    /// Calls a route in its own name.
    pub fn call(&self, method: Method, path: &str) -> Answer {
        self.target.call(method, path, &[&self.bearer()])
    }

    /// Verifies.
    pub fn verify(&self) -> Answer {
        self.call(Method::POST, "/verify")
    }

    /// Logs out.
    pub fn logout(&self) -> Answer {
        self.call(Method::POST, "/logout")
    }

    /// Looks up a peer's address.
    pub fn address_of(&self, peer: ClientId) -> Answer {
        self.call(Method::GET, &format!("/peer/{peer}/udp"))
    }

    /// Looks up a peer's status.
    pub fn status_of(&self, peer: ClientId) -> Answer {
        self.call(Method::GET, &format!("/peer/{peer}/udp/status"))
    }

    /// The status of a peer as the text in the answer.
    pub fn status_text(&self, peer: ClientId) -> String {
        let answer = self.status_of(peer);
        assert_eq!(answer.status, 200, "{answer}");
        answer.json["status"].as_str().expect("a status").to_owned()
    }

    /// A peer's address as one value.
    pub fn socket_address_of(&self, peer: ClientId) -> SocketAddr {
        self.address_of(peer).socket_address()
    }

    /// Silence from which on a pulse is late.
    pub fn late_after(&self) -> Duration {
        let registration = &self.registration;
        (registration.pulse_interval + registration.pulse_grace).into()
    }

    /// Silence from which on a client is gone.
    pub fn gone_after(&self) -> Duration {
        (self.registration.pulse_interval + self.registration.error_time).into()
    }
}

impl Answer {
    /// Checks that this is the error of this status and code, as RFC 9457 wants it.
    pub fn assert_problem(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.json["code"].as_str()), (status, Some(code)), "{self}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self}");
        assert_eq!(self.json["status"], status, "{self}");
        assert_eq!(self.json["ok"], false, "{self}");
        for member in ["type", "title", "detail"] {
            assert!(self.json[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {self}");
        }
        let challenge = (status == 401).then_some("Bearer");
        assert_eq!(self.header("www-authenticate"), challenge, "{self}");
    }

    /// Checks that this is a success.
    pub fn assert_ok(&self) -> &Self {
        assert_eq!(self.status, 200, "{self}");
        assert_eq!(self.json["ok"], true, "{self}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{self}");
        self
    }

    /// The names of the body's members, sorted.
    pub fn members(&self) -> Vec<&str> {
        let mut names: Vec<_> =
            self.json.as_object().expect("an object").keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// A header, if there is exactly one of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    }

    /// `host` and `port` as one value.
    pub fn socket_address(&self) -> SocketAddr {
        self.assert_ok();
        let host = self.json["host"].as_str().and_then(|host| host.parse().ok());
        let port = self.json["port"].as_u64().and_then(|port| u16::try_from(port).ok());
        match (host, port) {
            (Some(host), Some(port)) => SocketAddr::new(host, port),
            _ => panic!("no address in {self}"),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.json)
    }
}

/// Value of the `Authorization` header of the client with this key.
pub fn bearer(key: &[u8; 32]) -> String {
    format!("Bearer {}", hex(key))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Waits for the answer to a pulse.
pub fn receive_code(socket: &UdpSocket) -> u16 {
    let mut reply = [0; 64];
    let len = socket.recv(&mut reply).expect("a pulse is answered");
    PulseCode::decode(&reply[..len]).unwrap_or_else(|| panic!("{:?} is no reply", &reply[..len])).number()
}
