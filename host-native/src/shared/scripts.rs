//! The scripts that run inside a shared store. They compare, set and read its clock; what is compared and set they do not know.

use std::sync::LazyLock;

use redis::{Cmd, Script};

/// `KEYS[1]` is set to `ARGV[2]` for `ARGV[3]` milliseconds, or removed if that is empty, if it still is `ARGV[1]`; "" stands for a key that
/// is not there. Returns whether it was.
const COMPARE_AND_SET: &str = "local found = redis.call('GET', KEYS[1]) or ''
if found ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1";

/// The marker `KEYS[1]`, a hash: `alive` becomes now, and if it was not for `ARGV[1]` milliseconds, or never, `resumed` does, too. Returns
/// `resumed`, and 0, 1 after a gap, 2 if the marker was not there.
const BEAT: &str = "local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local marker = redis.call('HMGET', KEYS[1], 'alive', 'resumed')
local alive, resumed, news = tonumber(marker[1]), tonumber(marker[2]), 0
if not alive or not resumed then news = 2 elseif now - alive >= tonumber(ARGV[1]) then news = 1 end
if news > 0 then resumed = now end
if news > 0 or now > alive then
  redis.call('HSET', KEYS[1], 'alive', string.format('%.0f', now), 'resumed', string.format('%.0f', resumed))
end
return {resumed, news}";

static COMPARE_AND_SET_NAME: LazyLock<Script> = LazyLock::new(|| Script::new(COMPARE_AND_SET));
static BEAT_NAME: LazyLock<Script> = LazyLock::new(|| Script::new(BEAT));

/// What a server has to be told before it can run them.
pub(super) fn load() -> Vec<Cmd> {
    [COMPARE_AND_SET, BEAT]
        .into_iter()
        .map(|source| {
            let mut command = redis::cmd("SCRIPT");
            command.arg("LOAD").arg(source);
            command
        })
        .collect()
}

/// Sets `key` from `expected` to `new` for so many milliseconds, or removes it.
pub(super) fn compare_and_set(key: &[u8], expected: &[u8], new: &[u8], lasts: u64) -> Cmd {
    let mut command = call(&COMPARE_AND_SET_NAME, key);
    command.arg(expected).arg(new).arg(lasts);
    command
}

/// Refreshes a marker; a gap of so many milliseconds is an outage.
pub(super) fn beat(key: &[u8], gap: u64) -> Cmd {
    let mut command = call(&BEAT_NAME, key);
    command.arg(gap);
    command
}

fn call(script: &Script, key: &[u8]) -> Cmd {
    let mut command = redis::cmd("EVALSHA");
    command.arg(script.get_hash()).arg(1).arg(key);
    command
}
