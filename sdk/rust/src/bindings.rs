// The contract, from wit/aggregate.wit.
wit_bindgen::generate!({
    world: "component",
    path: "wit",
    pub_export_macro: true,
    export_macro_name: "export_component",
    default_bindings_module: "thalo::bindings",
});

