//! Who is at the other end: passwords, one-time codes, guesses and sessions. The
//! hospital's, for its staff. A wrong password, a wrong code and an unknown name look the
//! same, take the same work, and leave nothing behind but a count.

pub(crate) mod account;
pub(crate) mod generations;
pub(crate) mod guesses;
pub(crate) mod onetime;
pub(crate) mod password;
pub(crate) mod session;
