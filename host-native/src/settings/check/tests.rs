//! Flags, files and the environment, put together.

use rendezvous_protocol::Millis;

use super::*;
use crate::settings::{Exit, LogFormat, Store, from_args};

fn settings(args: &[&str]) -> Result<Settings, String> {
    from_args([&["rendezvous"], args].concat()).map_err(|exit| match exit {
        Exit::Help(text) => text,
        Exit::Invalid(error) => error.to_string(),
    })
}

fn file(text: &str) -> Result<Settings, String> {
    let options: Options = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    options.check().map_err(|error| error.to_string())
}

#[test]
fn without_options_the_defaults_are_the_specifications() {
    let settings = settings(&[]).unwrap();
    assert_eq!(settings.udp_listen, ["0.0.0.0:5024".parse().unwrap()]);
    assert_eq!(settings.http_listen, ["0.0.0.0:5025".parse().unwrap()]);
    assert_eq!(settings.timing, Timing::default());
    assert_eq!(settings.reply_width, ReplyWidth::Two);
    assert_eq!(settings.store, Store::Redb("rendezvous.redb".into()));
}

#[test]
fn every_option_is_read_from_the_command_line() {
    let settings = settings(&[
        "--udp-listen=127.0.0.1:1",
        "--udp-listen",
        "[::1]:2",
        "--http-listen=127.0.0.1:3,127.0.0.1:4",
        "--udp-threads=3",
        "--advertise-udp-port=9",
        "--pulse-interval=2s",
        "--pulse-grace=200ms",
        "--error-time=1m 30s",
        "--reply-width=4",
        "--store=memory:",
        "--log-level=trace",
        "--log-format=json",
    ])
    .unwrap();
    assert_eq!(settings.udp_listen, ["127.0.0.1:1".parse().unwrap(), "[::1]:2".parse().unwrap()]);
    assert_eq!(settings.http_listen.len(), 2);
    assert_eq!((settings.udp_threads.get(), settings.advertise_udp_port), (3, Some(9)));
    assert_eq!(settings.timing, Timing::new(Millis(2000), Millis(200), Millis(90_000)).unwrap());
    assert_eq!(settings.reply_width, ReplyWidth::Four);
    assert_eq!(settings.log, LogSettings { level: LogLevel::Trace, format: Some(LogFormat::Json) });
}

#[test]
fn every_option_is_read_from_the_file() {
    let settings = file(
        r#"
        udp-listen = "[::]:5024"
        udp-threads = 5
        http-listen = ["0.0.0.0:1", "127.0.0.1:2"]
        advertise-udp-port = 9
        pulse-interval = "2s"
        pulse-grace = "200ms"
        error-time = "1m 30s"
        reply-width = 1
        store = "memory:"
        log-level = "warn"
        log-format = "text"
        "#,
    )
    .unwrap();
    assert_eq!(settings.udp_listen, ["[::]:5024".parse().unwrap()]);
    assert_eq!(settings.udp_threads.get(), 5);
    assert_eq!(settings.http_listen.len(), 2);
    assert_eq!(settings.timing.error_time(), Millis(90_000));
    assert_eq!(settings.reply_width, ReplyWidth::One);
    assert_eq!(settings.log, LogSettings { level: LogLevel::Warn, format: Some(LogFormat::Text) });
}

#[test]
fn what_is_wrong_is_named_in_one_line() {
    for (args, names) in [
        (&["--pulse-intervall=1s"][..], "'--pulse-intervall'"),
        (&["--pulse-interval=soon"], "'--pulse-interval <DURATION>'"),
        (&["--pulse-interval=0s"], "the pulse interval must be longer than zero"),
        (
            &["--pulse-grace=3m"],
            "the pulse grace (180000 ms) must be shorter than the error time (180000 ms)",
        ),
        (&["--reply-width=3"], "--reply-width: 3"),
        (&["--udp-listen=localhost"], "'--udp-listen <ADDRESS:PORT>'"),
        (&["--udp-threads=0"], "'--udp-threads <COUNT>'"),
        (&["--advertise-udp-port=0"], "--advertise-udp-port: 0"),
        (&["--store=floppy:"], "'--store <STORE>'"),
        (&["--log-level=loud"], "'--log-level <LEVEL>'"),
        (&["serve"], "'serve'"),
        (&["--config=/nowhere/at-all.toml"], "/nowhere/at-all.toml: "),
    ] {
        let error = settings(args).unwrap_err();
        assert!(error.contains(names), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn a_file_is_checked_like_flags() {
    for (text, names) in [
        ("puls-interval = \"1s\"", "unknown field `puls-interval`"),
        ("pulse-interval = 30", "invalid type"),
        ("pulse-interval = \"1 fortnight\"", "\"1 fortnight\" is no duration"),
        ("udp-listen = []", "--udp-listen: at least one"),
        ("udp-listen = 5024", "expected an address"),
        ("pulse-grace = \"5m\"", "must be shorter than the error time"),
    ] {
        let error = file(text).unwrap_err();
        assert!(error.contains(names), "{error}");
    }
}

#[test]
fn limits_have_defaults_and_can_be_lifted_but_for_those_given() {
    let text = |settings: &Settings| {
        let rates = settings.rates;
        [rates.registrations, rates.registrations_per_site, rates.unknown_pulses].map(|rate| rate.to_string())
    };
    let default = settings(&[]).unwrap();
    assert_eq!(text(&default), ["1/s burst 100", "10/s burst 1000", "100/s burst 1000"]);
    assert_eq!(default.max_clients.get(), 1_000_000);
    let none = settings(&["--no-limits", "--limit-unknown-pulses=5/m", "--max-connections=7"]).unwrap();
    assert_eq!(text(&none), ["none", "none", "5/m burst 5"]);
    assert_eq!((none.max_clients, none.connections.total.get()), (NonZeroUsize::MAX, 7));
    // What is too big or too slow stays what it is.
    assert_eq!(none.connections.header_timeout, default.connections.header_timeout);
    assert_eq!(none.connections.body_bytes, default.connections.body_bytes);
}

#[test]
fn limits_tls_and_proxies_that_make_no_sense_are_named() {
    for (args, names) in [
        (&["--limit-lookups=often"][..], "\"often\" is no rate"),
        (&["--max-clients=0"], "'--max-clients <COUNT>'"),
        (&["--max-header-bytes=100"], "--max-header-bytes: at least 8192"),
        (&["--idle-timeout=0s"], "--idle-timeout: nothing is done in no time"),
        (&["--tls-cert=a.pem"], "--tls-cert needs --tls-key"),
        (&["--tls-key=a.pem"], "--tls-key needs --tls-cert"),
        (&["--proxy-protocol"], "--proxy-protocol needs --trusted-proxies"),
        (&["--store-timeout=0s"], "--store-timeout: nothing is done in no time"),
        (&["--store-prefix=a{b}"], "--store-prefix: \"a{b}\" has braces"),
        (&["--store=redis://me:secret@host"], "--store-password-file"),
        (&["--trusted-proxies=everyone"], "'--trusted-proxies <NETWORK>'"),
    ] {
        let error = settings(args).unwrap_err();
        assert!(error.contains(names) && !error.contains('\n'), "{error}");
    }
}
