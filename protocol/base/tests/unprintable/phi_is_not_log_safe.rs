fn log(_: impl autoclave_base::LogSafe) {}

fn main() {
    log(autoclave_base::Phi::new(1_u8));
}
