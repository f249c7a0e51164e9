//! The closed loop over HTTP: connections that are kept, with one request under way on each.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::{Pause, Slice};
use crate::http;
use crate::outcome::{Outcome, failure};
use crate::stats::latencies;
use crate::system::Process;
use rendezvous_crowd::TestRng;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A request, ready to be sent, and what the answer begins with.
pub(crate) struct Question {
    /// All its bytes.
    pub(crate) request: Vec<u8>,
    /// The first bytes of the body of the right answer.
    pub(crate) answer: Vec<u8>,
}

/// Connections to one server.
pub(crate) struct Connections {
    pause: Pause,
    connections: Vec<Connection>,
    epoll: Epoll,
    random: TestRng,
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Which question is under way, and since when.
    asked: Option<(usize, Instant)>,
}

impl Connections {
    /// Opens so many.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn open(address: SocketAddr, number: usize, pause: Pause) -> Outcome<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let mut connections = vec![];
        for index in 0..number {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            epoll.add(stream.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, index as u64))?;
            connections.push(Connection { stream, buffer: vec![], asked: None });
        }
        Ok(Self { pause, connections, epoll, random: TestRng::new(1) })
    }

    /// Asks these questions, drawn at random, for `time`, and waits for the last answers. Also returns how long each
    /// answer took, in nanoseconds.
    ///
    /// # Errors
    /// If the server closes a connection, does not answer, or ends.
    pub(crate) fn run(
        &mut self,
        process: &mut Process,
        questions: &[Question],
        time: Duration,
    ) -> Outcome<(Slice, Histogram<u64>)> {
        process.check_alive()?;
        let (mut seen, mut took) = (Slice::default(), latencies());
        let cpu_before = process.cpu_time()?;
        let start = Instant::now();
        for connection in &mut self.connections {
            connection.ask(questions, &mut self.random)?;
        }
        let mut under_way = self.connections.len();
        let mut events = vec![EpollEvent::empty(); under_way];
        while under_way > 0 {
            let ready = self.epoll.wait(&mut events, EpollTimeout::ZERO)?;
            for event in &events[..ready] {
                let connection = &mut self.connections[event.data() as usize];
                let Some((right, asked)) = connection.answer(questions)? else { continue };
                took.saturating_record(asked.elapsed().as_nanos().try_into()?);
                seen.answers += u64::from(right);
                seen.wrong += u64::from(!right);
                if start.elapsed() < time {
                    connection.ask(questions, &mut self.random)?;
                } else {
                    under_way -= 1;
                }
            }
            if ready == 0 {
                seen.idle += self.pause.take();
                if start.elapsed() > time + PATIENCE {
                    return Err(failure(format!(
                        "{under_way} requests were not answered within {PATIENCE:?}"
                    )));
                }
            }
        }
        seen.wall = start.elapsed();
        seen.cpu = process.cpu_time()? - cpu_before;
        process.check_alive()?;
        Ok((seen, took))
    }
}

impl Connection {
    fn ask(&mut self, questions: &[Question], random: &mut TestRng) -> Outcome<()> {
        let index = random.below(questions.len());
        // A request is far smaller than what a socket takes at once.
        self.stream.write_all(&questions[index].request)?;
        self.asked = Some((index, Instant::now()));
        Ok(())
    }

    /// Whether the answer is the right one, and when it was asked for; `None` while a part of it is missing.
    fn answer(&mut self, questions: &[Question]) -> Outcome<Option<(bool, Instant)>> {
        let mut chunk = [0; 4096];
        match self.stream.read(&mut chunk) {
            Ok(0) => return Err(failure("the server closed a connection that was to be kept")),
            Ok(length) => self.buffer.extend(&chunk[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        let Some(answer) = http::parse(&self.buffer).map_err(failure)? else { return Ok(None) };
        let (question, asked) =
            self.asked.take().ok_or_else(|| failure("an answer that nobody asked for"))?;
        let expected = &questions[question].answer;
        let right = answer.status == 200 && self.buffer[answer.body].starts_with(expected);
        self.buffer.clear();
        Ok(Some((right, asked)))
    }
}
