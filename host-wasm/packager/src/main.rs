//! Builds the npm package of the browser host: `cargo run -p rendezvous-wasm-packager -- [--with-server]
//! [--workspace FOLDER] [FOLDER]`. With `--with-server` JavaScript gets the server alone, too, and not only the simulation;
//! `--workspace` names another checkout to build from.
//!
//! It compiles the crate for `wasm32-unknown-unknown`, and makes JavaScript and TypeScript declarations for it with the
//! library behind the wasm-bindgen command, in the version of the lock file: the two halves of wasm-bindgen cannot differ.

use std::error::Error;
use std::ffi::OsString;
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
    let built = options(env::args_os().skip(1)).and_then(|options| build(&options));
    match built {
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

struct Options {
    workspace: PathBuf,
    folder: PathBuf,
    features: &'static [&'static str],
}

fn options(mut arguments: impl Iterator<Item = OsString>) -> Result<Options, Box<dyn Error>> {
    let mut options = Options {
        workspace: checkout()?.to_owned(),
        folder: Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("pkg"),
        features: &[],
    };
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--with-server") => options.features = &["--features", "server"],
            Some("--workspace") => {
                options.workspace = arguments.next().ok_or("--workspace needs a folder")?.into();
            }
            Some(option) if option.starts_with("--") => {
                return Err(
                    format!("unknown option {option} (there are --with-server and --workspace)").into()
                );
            }
            _ => options.folder = argument.into(),
        }
    }
    Ok(options)
}

fn build(options: &Options) -> Result<String, Box<dyn Error>> {
    let Options { workspace, folder, features } = options;
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(workspace)
        // For Rust it is a library like others: two builds of one `cdylib`, with other panics, would have one file name.
        .args(["rustc", "--locked", "--package", "rendezvous-wasm", "--lib", "--crate-type", "cdylib"])
        .args(["--target", TARGET, "--profile", PROFILE])
        .args(*features)
        // Panics name the files they are in. What comes before those names is nobody's business.
        .env("CARGO_ENCODED_RUSTFLAGS", remapped(&root(workspace)?).join("\u{1f}"))
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

/// The folder whose path is cut off: this checkout, if `workspace` is a copy within it, so that both are compiled with the same
/// flags and share what does not differ.
fn root(workspace: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let (own, workspace) = (fs::canonicalize(checkout()?)?, fs::canonicalize(workspace)?);
    Ok(if workspace.starts_with(&own) { own } else { workspace })
}

/// The checkout that this program was built from.
fn checkout() -> Result<&'static Path, &'static str> {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).ok_or("no workspace")
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
  "sideEffects": ["./node.js"],
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
