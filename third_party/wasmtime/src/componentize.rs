//! From a core module to a component, and from a component to the names of what it imports and exports.
use anyhow::{Context, Result, bail};
use wit_component::{ComponentEncoder, DecodedWasm, StringEncoding};
use wit_parser::Resolve;

/// A WIT package and the world of it that a module is written for.
pub struct World<'a> {
    pub wit: &'a str,
    pub name: &'a str,
}

/// Makes a component of `module`. A module that carries component metadata of its own (as wit-bindgen writes) needs no `world`; `world` is then
/// ignored. `adapter` answers the imports of the module named `adapter_name`.
pub fn componentize(
    module: &[u8],
    world: Option<World>,
    adapter_name: &str,
    adapter: &[u8],
    adapter_world: Option<World>,
) -> Result<Vec<u8>> {
    let module = wat::parse_bytes(module).context("the module is neither WebAssembly nor its text form")?;
    let module = with_metadata(&module, world).context("the module")?;
    let mut encoder = ComponentEncoder::default().validate(true).module(&module)?;
    if !adapter.is_empty() {
        let adapter = wat::parse_bytes(adapter).context("the adapter is neither WebAssembly nor its text form")?;
        let adapter = with_metadata(&adapter, adapter_world).context("the adapter")?;
        encoder = encoder.adapter(adapter_name, &adapter)?;
    }
    encoder.encode()
}

fn with_metadata(module: &[u8], world: Option<World>) -> Result<Vec<u8>> {
    let (stripped, _) = wit_component::metadata::decode(module)?;
    let mut bytes = module.to_vec();
    if stripped.is_some() {
        return Ok(bytes);
    }
    let Some(world) = world else {
        bail!("has no component metadata of its own, and no WIT was given");
    };
    let mut resolve = Resolve::default();
    let package = resolve.push_str("world.wit", world.wit)?;
    let id = resolve.select_world(&[package], Some(world.name))?;
    wit_component::embed_component_metadata(&mut bytes, &resolve, id, StringEncoding::UTF8)?;
    Ok(bytes)
}

/// One line for each thing a component imports or exports: `import NAME` or `export NAME`.
pub fn interfaces(component: &[u8]) -> Result<String> {
    let component = wat::parse_bytes(component).context("it is neither WebAssembly nor its text form")?;
    let DecodedWasm::Component(resolve, world) = wit_component::decode(&component)? else {
        bail!("it is a WIT package, not a component");
    };
    let world = &resolve.worlds[world];
    let mut lines = String::new();
    for (direction, items) in [("import", &world.imports), ("export", &world.exports)] {
        for key in items.keys() {
            lines.push_str(&format!("{direction} {}\n", resolve.name_world_key(key)));
        }
    }
    Ok(lines)
}
