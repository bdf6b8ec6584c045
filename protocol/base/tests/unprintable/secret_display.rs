fn main() {
    println!("{}", autoclave_base::Secret::new([1_u8; 32]));
}
