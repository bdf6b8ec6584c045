fn main() {
    let _ = serde_json::to_string(&autoclave_base::Phi::new("Ada"));
}
