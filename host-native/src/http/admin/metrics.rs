//! `/metrics`: what Prometheus collects, in the text format of OpenMetrics.
//!
//! Everything is read when it is asked for; between scrapes it costs nothing. No label has a value that a client chooses, so there
//! are always as many series, whoever registers.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::guard::problem;
use super::health::{PROFILE, VERSION};
use crate::histogram::Reading;
use crate::http::BAD_REQUESTS;
use crate::node::{Node, Route, StatusClass};
use crate::shared::SharedStats;
use crate::udp::MEASURE_EVERY;

/// What the format's specification calls it.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The route.
pub(super) fn route(node: Arc<Node>) -> Router {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(NodeMetrics(node)));
    let registry = Arc::new(registry);
    Router::new().route("/metrics", get(async move || metrics(&registry)))
}

fn metrics(registry: &Registry) -> Response {
    let mut text = String::new();
    match encode(&mut text, registry) {
        Ok(()) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => {
            problem(StatusCode::INTERNAL_SERVER_ERROR, "encoding", "The metrics cannot be written as text.")
        }
    }
}

/// All that there is to know of a node.
#[derive(Debug)]
struct NodeMetrics(Arc<Node>);

impl Collector for NodeMetrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut to = Metrics(encoder);
        let node = &*self.0;
        let stats = node.stats();
        let counters = &stats.counters;

        let of_all =
            "Clients that are registered; with a store that nodes share roughly, and those of all nodes.";
        to.gauge("rendezvous_clients", of_all, None, stats.records)?;
        if stats.shared.is_none() {
            to.gauges(
                "rendezvous_clients_by_status",
                "Clients by what their peers are told of them, exact to within a second.",
                "status",
                &[("online", stats.online), ("pending", stats.pending())],
            )?;
        }
        to.counters(
            "rendezvous_pulses",
            "Pulses by how they were answered: on_time is 1020, late is 1050, unknown is 1060.",
            "answer",
            &[
                ("on_time", counters.pulses_on_time),
                ("late", counters.pulses_late),
                ("unknown", counters.pulses_unknown),
            ],
        )?;
        to.counters(
            "rendezvous_datagrams_dropped",
            "Datagrams that were no pulse and got no answer, by why.",
            "reason",
            &[("wrong_length", counters.dropped_wrong_length), ("port_zero", counters.dropped_port_zero)],
        )?;
        to.counter(
            "rendezvous_kernel_drops",
            "Datagrams that the kernel dropped before the server saw them.",
            stats.kernel_drops,
        )?;
        to.counter("rendezvous_send_errors", "Answers to pulses that could not be sent.", stats.send_errors)?;
        let (sizes, handling) = node.batches();
        to.sizes("rendezvous_batch_datagrams", "Datagrams that were received together.", &sizes)?;
        to.micros(
            "rendezvous_batch_handling",
            &format!(
                "Time from the receipt of a batch of datagrams until its answers were sent; of every {MEASURE_EVERY}th batch of a \
                 socket only."
            ),
            &handling,
        )?;

        to.counter("rendezvous_registrations", "Clients that registered.", counters.registered)?;
        to.counter(
            "rendezvous_registrations_withdrawn",
            "Registrations that were taken back, since they could not be stored.",
            counters.withdrawn,
        )?;
        to.counter("rendezvous_verifies", "Clients that verified.", counters.verified)?;
        to.counter("rendezvous_logouts", "Clients that logged out.", counters.logged_out)?;
        to.counter("rendezvous_expiries", "Clients that were silent for too long.", counters.expired)?;
        to.counter("rendezvous_moves", "Pulses that came from another address than before.", counters.moved)?;
        to.counters(
            "rendezvous_lookups",
            "Lookups of a peer by clients, by whether there was such a peer.",
            "outcome",
            &[("found", counters.lookups_found), ("unknown", counters.lookups_unknown)],
        )?;
        to.counter(
            "rendezvous_unauthorized",
            "Requests whose key belongs to no client.",
            counters.unauthorized,
        )?;
        to.counters(
            "rendezvous_rate_limited",
            "What was refused or not answered because of a limit, by what it was.",
            "kind",
            &[
                ("registration", stats.refused.registrations),
                ("unknown_pulse", stats.refused.unknown_pulses),
                ("lookup", stats.refused.lookups),
                ("connection", stats.refused.connections),
                ("at_capacity", stats.refused.at_capacity),
            ],
        )?;
        to.requests(node)?;
        to.bad_requests(node)?;
        to.gauge(
            "rendezvous_open_connections",
            "HTTP connections that are open.",
            None,
            stats.open_connections,
        )?;

        to.gauge(
            "rendezvous_records_memory",
            "What the records of clients take, roughly.",
            Some(&Unit::Bytes),
            stats.memory,
        )?;
        match (&stats.shared, node.round_trips()) {
            (Some(shared), Some(round_trips)) => to.shared_store(shared, &round_trips, &stats)?,
            _ => to.store(node, &stats)?,
        }
        to.about(node)
    }
}

/// Writes figures that are plain numbers.
struct Metrics<'a>(DescriptorEncoder<'a>);

impl Metrics<'_> {
    fn gauge(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        value: impl EncodeGaugeValue,
    ) -> fmt::Result {
        self.0.encode_descriptor(name, help, unit, MetricType::Gauge)?.encode_gauge(&value)
    }

    fn gauges(&mut self, name: &str, help: &str, label: &str, values: &[(&str, usize)]) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        values.iter().try_for_each(|&(of, value)| metric.encode_family(&[(label, of)])?.encode_gauge(&value))
    }

    /// The name without `_total`, which the format adds.
    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        metric.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    fn counters(&mut self, name: &str, help: &str, label: &str, values: &[(&str, u64)]) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        values.iter().try_for_each(|&(of, value)| {
            metric.encode_family(&[(label, of)])?.encode_counter::<NoLabelSet, _, u64>(&value, None)
        })
    }

    fn sizes(&mut self, name: &str, help: &str, reading: &Reading) -> fmt::Result {
        self.histogram(name, help, None, reading, 1.0)
    }

    /// The name without `_seconds`.
    fn micros(&mut self, name: &str, help: &str, reading: &Reading) -> fmt::Result {
        self.histogram(name, help, Some(&Unit::Seconds), reading, 1e6)
    }

    fn histogram(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        reading: &Reading,
        scale: f64,
    ) -> fmt::Result {
        let bound = |bound: Option<u64>| bound.map_or(f64::INFINITY, |bound| bound as f64 / scale);
        let buckets: Vec<_> = reading.buckets.iter().map(|&(upper, count)| (bound(upper), count)).collect();
        let mut metric = self.0.encode_descriptor(name, help, unit, MetricType::Histogram)?;
        metric.encode_histogram::<NoLabelSet>(reading.sum as f64 / scale, reading.count(), &buckets, None)
    }

    fn requests(&mut self, node: &Node) -> fmt::Result {
        let help =
            "Requests of clients that could be read, by route and by the class of the answer's status.";
        let mut metric =
            self.0.encode_descriptor("rendezvous_http_requests", help, None, MetricType::Counter)?;
        for route in Route::ALL {
            for class in StatusClass::ALL {
                metric
                    .encode_family(&[("route", route.name()), ("status", class.name())])?
                    .encode_counter::<NoLabelSet, _, u64>(&node.requests(route, class), None)?;
            }
        }
        Ok(())
    }

    fn bad_requests(&mut self, node: &Node) -> fmt::Result {
        let help =
            "Requests that were refused before anybody looked at what they want, by the code of the refusal.";
        let mut metric =
            self.0.encode_descriptor("rendezvous_bad_requests", help, None, MetricType::Counter)?;
        for why in BAD_REQUESTS {
            metric
                .encode_family(&[("code", why.code())])?
                .encode_counter::<NoLabelSet, _, u64>(&node.connections().bad_requests(why), None)?;
        }
        self.counter(
            "rendezvous_bad_handshakes",
            "Connections that did not get as far as a request: TLS or the header of a proxy failed, or took too long.",
            node.connections().bad_handshakes(),
        )
    }

    fn store(&mut self, node: &Node, stats: &crate::Stats) -> fmt::Result {
        let (commits, store) = (node.commits(), &stats.store);
        self.counter("rendezvous_store_commits", "Commits to the store that succeeded.", commits.count())?;
        self.micros(
            "rendezvous_store_commit",
            "How long commits to the store took that succeeded.",
            &commits,
        )?;
        self.counter("rendezvous_store_syncs", "Syncs that were asked of the disk.", store.syncs)?;
        let written = "Bytes written to the files of the store.";
        self.0
            .encode_descriptor("rendezvous_store_written", written, Some(&Unit::Bytes), MetricType::Counter)?
            .encode_counter::<NoLabelSet, _, u64>(&store.written_bytes, None)?;
        self.counter(
            "rendezvous_store_failures",
            "How often the store could not be written any more.",
            store.failures,
        )?;
        self.gauge(
            "rendezvous_store_waiting_changes",
            "Changes that nobody waits for and that are still to be written.",
            None,
            store.waiting_changes,
        )?;
        let failing =
            "Whether the store cannot be written now, so that registrations and logouts are refused.";
        self.gauge("rendezvous_store_failing", failing, None, u64::from(stats.store_is_failing))
    }

    fn shared_store(
        &mut self,
        store: &SharedStats,
        round_trips: &Reading,
        stats: &crate::Stats,
    ) -> fmt::Result {
        self.micros(
            "rendezvous_store_round_trip",
            "How long round trips to a server of the store took, each with a batch of commands; those that failed, too.",
            round_trips,
        )?;
        for (name, help, value) in [
            ("rendezvous_store_commands", "Commands that were sent to the store.", store.commands),
            (
                "rendezvous_store_failures",
                "Round trips that had no answer in time, or whose connection broke.",
                store.failures,
            ),
            (
                "rendezvous_store_redirects",
                "Commands that another server of the cluster had to be asked for.",
                store.redirects,
            ),
            (
                "rendezvous_store_conflicts",
                "Writes that came too late, since another had changed the record, and were decided again.",
                store.conflicts,
            ),
            (
                "rendezvous_store_damaged_values",
                "Values in the store that are no record of their client.",
                store.damaged,
            ),
            (
                "rendezvous_store_missing_markers",
                "Markers that were not in the store: it was new, or had been emptied. There are 256.",
                store.markers_missing,
            ),
            (
                "rendezvous_store_outages",
                "Outages that the store's markers told of; each of the 256 counts.",
                store.outages,
            ),
        ] {
            self.counter(name, help, value)?;
        }
        let failing = "Whether the store is away, so that pulses are not answered and requests are refused.";
        self.gauge("rendezvous_store_failing", failing, None, u64::from(stats.store_is_failing))
    }

    fn about(&mut self, node: &Node) -> fmt::Result {
        self.0
            .encode_descriptor("rendezvous_build", "Which program this is.", None, MetricType::Info)?
            .encode_info(&[("version", VERSION), ("profile", PROFILE)])?;
        let started = node.started().unix.as_millis() as f64 / 1000.0;
        self.gauge(
            "process_start_time",
            "When the server began, in Unix time.",
            Some(&Unit::Seconds),
            started,
        )
    }
}
