//! Nodes that share a store on Redis, one server or a cluster: what a pulse costs the node and the store, with the load in batches and
//! one at a time, and what a client takes in the store.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use nix::sys::time::TimeValLike;
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use rendezvous_native::settings::DEFAULT_STORE_PREFIX;
use rendezvous_native::shared::{Credentials, Durability, SharedContents, SharedOptions};
use rendezvous_tests::pulsing::{key, lines};
use rendezvous_tests::redis::{RedisCluster, RedisServer};
use serde_json::{Value, json};

use super::Bench;
use crate::outcome::{Outcome, failure};
use crate::progress::say;
use crate::report::{Table, rate, thousands};
use crate::server::{Key, ON_TIME, PATIENT, Server};
use crate::stats::{median, ratios};
use crate::system::SERVER_CORE;

/// Pulses that are under way at each node.
const WINDOW: usize = 64;

/// How many clients are imported together.
const AT_ONCE: usize = 100_000;

/// A node, or two, and what they keep their clients in.
struct Setting {
    name: &'static str,
    nodes: Vec<usize>,
    stores: Vec<u32>,
    window: usize,
}

/// One second or so of one of them.
struct Slice {
    answers: u64,
    time: Duration,
    node: Duration,
    store: Duration,
}

/// Measures them in turns.
///
/// # Errors
/// If something does not start, or gives a wrong answer.
pub(crate) fn run(bench: &mut Bench) -> Outcome<()> {
    bench.report.title("Nodes that share a store")?;
    let keys: Vec<Key> = (0..bench.sizes.clients as u64).map(key).collect();
    let (single, cluster) = (RedisServer::start(), RedisCluster::start());
    fill(&single.address(), &keys)?;
    fill(&cluster.address(), &keys)?;
    let mut nodes = vec![];
    for store in [single.address(), single.address(), cluster.address(), cluster.address()] {
        nodes.push(node(bench, &format!("--store={store}"))?);
    }
    let (memory, registered) = bench.server_with(keys.len(), &[])?;
    nodes.push(memory);
    let alone = vec![single.id()];
    let servers: Vec<u32> = cluster.servers.iter().map(RedisServer::id).collect();
    let setting = |name, nodes: &[usize], stores: &[u32], window| Setting {
        name,
        nodes: nodes.to_vec(),
        stores: stores.to_vec(),
        window,
    };
    let settings = [
        setting("memory:, one node", &[4], &[], WINDOW),
        setting("one server, one node", &[0], &alone, WINDOW),
        setting("one server, two nodes", &[0, 1], &alone, WINDOW),
        setting("cluster, one node", &[2], &servers, WINDOW),
        setting("cluster, two nodes", &[2, 3], &servers, WINDOW),
        setting("memory:, one node, one pulse at a time", &[4], &[], 1),
        setting("one server, one node, one pulse at a time", &[0], &alone, 1),
        setting("cluster, one node, one pulse at a time", &[2], &servers, 1),
    ];
    let mut loads = vec![];
    for setting in &settings {
        loads.push(Load::new(setting, &nodes)?);
    }
    let mut slices: Vec<Vec<Slice>> = settings.iter().map(|_| vec![]).collect();
    for round in 0..=bench.sizes.slices {
        for (index, setting) in settings.iter().enumerate() {
            let keys = if setting.stores.is_empty() { &registered[..] } else { &keys[..] };
            let slice = loads[index].run(setting, &nodes, keys, bench.sizes.slice)?;
            // The first round warms up.
            if round > 0 {
                slices[index].push(slice);
            }
        }
        say(format_args!("shared stores: round {round} of {}", bench.sizes.slices));
    }
    let figures = tabulate(bench, &settings, &slices)?;
    let memory = memory_in_store(bench, &single, &keys)?;
    let network = network_of_store(bench, &settings[1], &mut loads[1], &nodes, &single, &keys)?;
    bench.report.figures("shared", json!({"pulses": figures, "memory": memory, "network": network}));
    Ok(())
}

fn node(bench: &Bench, store: &str) -> Outcome<Server> {
    let flags = [&PATIENT, &["--udp-threads=1", "--store-timeout=5s", store][..]].concat();
    Server::start(&bench.program, &[SERVER_CORE], &flags)
}

fn fill(store: &str, keys: &[Key]) -> Outcome<()> {
    let patience = Duration::from_secs(30);
    let options = SharedOptions {
        address: store.parse()?,
        credentials: Credentials::default(),
        prefix: DEFAULT_STORE_PREFIX.into(),
        patience,
        durability: Durability { replicas: 0, patience },
    };
    let contents = SharedContents::open(options)?;
    let text = lines(keys);
    let mut told = 0;
    contents.import(&mut text.as_bytes(), &mut |done| {
        if done / AT_ONCE as u64 > told {
            told = done / AT_ONCE as u64;
            say(format_args!("{store}: {done} of {} clients", keys.len()));
        }
    })?;
    Ok(())
}

/// Sends a window of pulses to each node, waits for all answers, and again.
struct Load {
    sockets: Vec<UdpSocket>,
    next: usize,
}

impl Load {
    fn new(setting: &Setting, nodes: &[Server]) -> Outcome<Self> {
        let mut sockets = vec![];
        for &node in &setting.nodes {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            socket.connect(nodes[node].udp)?;
            socket.set_read_timeout(Some(Duration::from_secs(5)))?;
            sockets.push(socket);
        }
        Ok(Self { sockets, next: 0 })
    }

    fn run(&mut self, setting: &Setting, nodes: &[Server], keys: &[Key], lasts: Duration) -> Outcome<Slice> {
        let used = || -> Outcome<(Duration, Duration)> {
            let mut node = Duration::ZERO;
            for &index in &setting.nodes {
                node += nodes[index].process.cpu_time()?;
            }
            let mut store = Duration::ZERO;
            for &id in &setting.stores {
                store += cpu_time(id)?;
            }
            Ok((node, store))
        };
        let (before, began, mut answers) = (used()?, Instant::now(), 0);
        let mut reply = [0; 8];
        while began.elapsed() < lasts {
            for _ in 0..setting.window {
                for socket in &self.sockets {
                    // A step that is prime to their number visits all before it comes round.
                    self.next = (self.next + 7919) % keys.len();
                    socket.send(&keys[self.next])?;
                }
            }
            for socket in &self.sockets {
                for _ in 0..setting.window {
                    let length = socket.recv(&mut reply)?;
                    if reply[..length] != ON_TIME {
                        return Err(failure(format!(
                            "{}: a pulse is answered {:?}",
                            setting.name,
                            &reply[..length]
                        )));
                    }
                    answers += 1;
                }
            }
        }
        let (time, after) = (began.elapsed(), used()?);
        Ok(Slice { answers, time, node: after.0 - before.0, store: after.1 - before.1 })
    }
}

fn tabulate(bench: &Bench, settings: &[Setting], slices: &[Vec<Slice>]) -> Outcome<Value> {
    bench.report.text(&format!(
        "CPU: time of the nodes, and of all servers of the store, per pulse. Ratio: of the nodes' to that of a node with memory:, in \
         the same round, the median of all. {WINDOW} pulses are under way at each node, or one. Nodes run on core {SERVER_CORE}, the \
         store and the load on the other: with two cores the rates say little, the CPU times more.\n"
    ))?;
    let mut table = Table::new(&[
        "store",
        "pulses/s",
        "node CPU µs",
        "ratio to memory:",
        "store CPU µs",
        "store's share",
    ]);
    let per_pulse = |slice: &Slice, time: Duration| time.as_secs_f64() * 1e6 / slice.answers as f64;
    let costs: Vec<Vec<f64>> = slices
        .iter()
        .map(|slices| slices.iter().map(|slice| per_pulse(slice, slice.node)).collect())
        .collect();
    let mut figures = vec![];
    for ((setting, slices), costs_here) in settings.iter().zip(slices).zip(&costs) {
        let of = |figure: &dyn Fn(&Slice) -> f64| median(&slices.iter().map(figure).collect::<Vec<_>>());
        let rates = of(&|slice| slice.answers as f64 / slice.time.as_secs_f64());
        let store = of(&|slice| per_pulse(slice, slice.store));
        let (node, ratio) = (median(costs_here), median(&ratios(costs_here, &costs[0])));
        table.row([
            setting.name.into(),
            rate(rates),
            format!("{node:.2}"),
            format!("{ratio:.2}"),
            format!("{store:.2}"),
            format!("{:.0} %", 100.0 * store / (store + node)),
        ]);
        figures.push(json!({
            "setting": setting.name, "pulses_per_s": rates, "node_cpu_us": node, "store_cpu_us": store,
            "ratio_to_memory": ratio,
        }));
    }
    bench.report.table(&table)?;
    Ok(figures.into())
}

/// What a client takes in the store that has heard it: of some by themselves, and of all together.
fn memory_in_store(bench: &Bench, store: &RedisServer, keys: &[Key]) -> Outcome<Value> {
    let number =
        |text: &str| text.trim().parse::<u64>().map_err(|_| failure(format!("{text:?} is no number")));
    let mut each = vec![];
    let script = "local found = redis.call('SCAN', ARGV[1], 'COUNT', 1000); local sizes = {}; \
                  for _, key in ipairs(found[2]) do if redis.call('TYPE', key).ok == 'string' then \
                  sizes[#sizes + 1] = redis.call('MEMORY', 'USAGE', key) end end; return sizes";
    for line in store.cli(&["EVAL", script, "0", "0"]).lines() {
        each.push(number(line)? as f64);
    }
    let info = store.cli(&["INFO", "memory"]);
    let used = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
    let used = number(used.ok_or_else(|| failure("the store does not say what it uses"))?)?;
    let (each, all) = (median(&each), used as f64 / keys.len() as f64);
    bench.report.text(&format!(
        "\nA client in the store: {each:.0} bytes (MEMORY USAGE, median of some), {all:.0} bytes of used memory, with {} clients.\n",
        thousands(keys.len() as u64)
    ))?;
    Ok(json!({"memory_usage": each, "used_memory_per_client": all, "clients": keys.len()}))
}

/// What a pulse in a batch sends to the store, and gets from it.
fn network_of_store(
    bench: &Bench,
    setting: &Setting,
    load: &mut Load,
    nodes: &[Server],
    store: &RedisServer,
    keys: &[Key],
) -> Outcome<Value> {
    let bytes = || {
        let info = store.cli(&["INFO", "stats"]);
        let of =
            |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
        of("total_net_input_bytes:")
            .zip(of("total_net_output_bytes:"))
            .ok_or_else(|| failure("the store does not say what it received and sent"))
    };
    let before = bytes()?;
    let slice = load.run(setting, nodes, keys, bench.sizes.slice)?;
    let after = bytes()?;
    let per_pulse = |bytes: u64| bytes as f64 / slice.answers as f64;
    let (to, from) = (per_pulse(after.0 - before.0), per_pulse(after.1 - before.1));
    bench.report.text(&format!("A pulse sends {to:.0} bytes to the store, and gets {from:.0} from it.\n"))?;
    Ok(json!({"to_store": to, "from_store": from}))
}

fn cpu_time(process: u32) -> Outcome<Duration> {
    let clock = clock_getcpuclockid(Pid::from_raw(process.cast_signed()))?;
    Ok(Duration::from_nanos(clock_gettime(clock)?.num_nanoseconds().try_into()?))
}
