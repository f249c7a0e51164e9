// Numbers and times as people read them, and the server's columns as rates.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** The events that are drawn as rates. */
export const EVENTS = ['on_time', 'late', 'unknown', 'registrations', 'lookups', 'dropped', 'kernel_drops', 'refused'];

export const count = (value) => whole.format(value);

/** Events per second, with no more digits than mean something. */
export function rate(value) {
  if (value === 0) return '0';
  if (value < 0.1) return '< 0.1';
  return value < 100 ? value.toFixed(1) : whole.format(value);
}

/** For an axis, where there is little room. */
export const brief = (value) => (value < 1000 ? String(Number(value.toPrecision(3))) : short.format(value));

export const timeOf = (millis) => clock.format(new Date(millis));

/** The two largest units of a length of time. */
export function duration(millis) {
  const seconds = Math.floor(millis / 1000);
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  if (first < 0) return '0 s';
  return parts.slice(first, first + 2).filter(([value]) => value > 0).map(([value, unit]) => `${value} ${unit}`).join(' ');
}

/** One of the timing's durations: exact. */
export const exact = (millis) => (millis % 1000 === 0 ? `${millis / 1000} s` : `${millis} ms`);

/** The history as samples with the moment of each, on this machine's clock, and with rates in place of numbers. */
export function samplesOf(history, now) {
  return history.age_ms.map((age, index) => {
    const seconds = Math.max(history.span_ms[index], 1) / 1000;
    const sample = { age, at: now - age, seconds, online: history.online[index], pending: history.pending[index], events: {} };
    for (const event of EVENTS) {
      sample.events[event] = history[event][index];
      sample[event] = history[event][index] / seconds;
    }
    return sample;
  });
}
