fn main() {
    println!("{:?}", autoclave_base::Phi::new("Ada"));
}
