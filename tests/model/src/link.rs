//! Links that open a scenario in the simulator page.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rendezvous_wasm::world::Scenario;

/// Where `host-wasm/simulator` serves the page, and a server that was told to.
const PAGE: &str = "http://127.0.0.1:5026/simulator/";

/// A link that opens `scenario`. Nothing of it is sent to a server: it stands after the `#`.
pub fn page_link(scenario: &Scenario) -> String {
    format!("{PAGE}#j={}", URL_SAFE_NO_PAD.encode(scenario.to_json()))
}
