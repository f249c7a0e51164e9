//! Builds the npm package of the browser host: `cargo run -p rendezvous-wasm-packager -- [--with-server] [FOLDER]`. With
//! `--with-server` JavaScript gets the server alone, too, and not only the simulation.
//!
//! It compiles the crate for `wasm32-unknown-unknown`, and makes JavaScript and TypeScript declarations for it with the
//! library behind the wasm-bindgen command, in the version of the lock file: the two halves of wasm-bindgen cannot differ.

use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

use wasm_bindgen_cli_support::Bindgen;

const NAME: &str = "rendezvous_wasm";
const TARGET: &str = "wasm32-unknown-unknown";
const PROFILE: &str = "wasm";

/// In Node there is nothing to fetch: the module is read from beside this file.
const NODE: &str = r#"import { readFileSync } from "node:fs";
import { initSync } from "./rendezvous_wasm.js";

initSync({ module: readFileSync(new URL("./rendezvous_wasm_bg.wasm", import.meta.url)) });
export * from "./rendezvous_wasm.js";
"#;

fn main() -> ExitCode {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("pkg");
    let (mut features, mut folder) = (vec![], default);
    for argument in env::args_os().skip(1) {
        match argument.to_str() {
            Some("--with-server") => features.extend(["--features", "server"]),
            Some(option) if option.starts_with("--") => {
                let _ = writeln!(
                    io::stderr(),
                    "rendezvous-wasm-packager: unknown option {option} (there is --with-server)"
                );
                return ExitCode::from(2);
            }
            _ => folder = PathBuf::from(argument),
        }
    }
    match build(&folder, &features) {
        Ok(said) => {
            let _ = writeln!(io::stdout(), "{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "rendezvous-wasm-packager: {error}");
            ExitCode::FAILURE
        }
    }
}

fn build(folder: &Path, features: &[&str]) -> Result<String, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).ok_or("no workspace")?;
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(root)
        .args([
            "build",
            "--locked",
            "--package",
            "rendezvous-wasm",
            "--lib",
            "--target",
            TARGET,
            "--profile",
            PROFILE,
        ])
        .args(features)
        // Panics name the files they are in. What comes before those names is nobody's business.
        .env("CARGO_ENCODED_RUSTFLAGS", remapped(root).join("\u{1f}"))
        .arg("--target-dir")
        .arg(&target)
        .status()?;
    if !status.success() {
        return Err(format!("cargo failed; if the target is missing: rustup target add {TARGET}").into());
    }
    let module = target.join(TARGET).join(PROFILE).join(NAME).with_extension("wasm");
    Bindgen::new()
        .input_path(&module)
        .web(true)?
        .typescript(true)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(folder)?;
    fs::write(folder.join("package.json"), manifest())?;
    fs::write(folder.join("node.js"), NODE)?;
    fs::write(folder.join("node.d.ts"), "export * from \"./rendezvous_wasm.js\";\n")?;
    let size = fs::metadata(folder.join(format!("{NAME}_bg.wasm")))?.len();
    Ok(format!("{}: {size} bytes of wasm", folder.display()))
}

/// Flags that shorten the paths of source files.
fn remapped(root: &Path) -> Vec<String> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let places = [(Some(root.to_owned()), "."), (home, "cargo")];
    let known = places.into_iter().filter_map(|(place, name)| Some((place?, name)));
    known.map(|(place, name)| format!("--remap-path-prefix={}={name}", place.display())).collect()
}

fn manifest() -> String {
    format!(
        r#"{{
  "name": "rendezvous-wasm",
  "version": "{}",
  "description": "The rendezvous protocol and a simulated world around it, in WebAssembly",
  "license": "MIT",
  "type": "module",
  "sideEffects": false,
  "exports": {{
    ".": {{ "types": "./{NAME}.d.ts", "node": "./node.js", "default": "./{NAME}.js" }},
    "./node": {{ "types": "./node.d.ts", "default": "./node.js" }},
    "./wasm": "./{NAME}_bg.wasm"
  }},
  "types": "./{NAME}.d.ts",
  "files": ["{NAME}.js", "{NAME}.d.ts", "{NAME}_bg.wasm", "{NAME}_bg.wasm.d.ts", "node.js", "node.d.ts"]
}}
"#,
        env!("CARGO_PKG_VERSION")
    )
}
