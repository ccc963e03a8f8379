//! Ports that nobody else takes while we hold them.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::ops::Range;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below what systems hand out to outgoing connections, and so low that a cluster's bus, [`Port::BUS`] above, is as well.
const RANGE: Range<u16> = 11_000..21_000;

/// A TCP port of the loopback, ours from when it was chosen, whether or not anything listens there.
///
/// The reservation is the UDP port of the same number, which Redis does not use: the system gives it to one process
/// only, and takes it back with the process.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    _reservation: UdpSocket,
}

impl Port {
    /// How far above its port a node of a cluster talks to the others.
    const BUS: u16 = 10_000;

    /// A free one, whose bus is free as well.
    pub(crate) fn reserve() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        // Processes begin at different places, so that they seldom try the same numbers.
        let begin = std::process::id().wrapping_mul(97) % u32::from(RANGE.end - RANGE.start);
        for _ in RANGE {
            let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
            let offset = (begin + step) % u32::from(RANGE.end - RANGE.start);
            let number = RANGE.start + u16::try_from(offset).expect("an offset within the range");
            let Ok(reservation) = UdpSocket::bind((Ipv4Addr::LOCALHOST, number)) else { continue };
            if is_free(number) && is_free(number + Self::BUS) {
                return Self { number, _reservation: reservation };
            }
        }
        panic!("no TCP port between {} and {} is free; end what holds them", RANGE.start, RANGE.end);
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }
}

fn is_free(number: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_port_is_ours_alone() {
        let held: Vec<_> = (0..50).map(|_| Port::reserve()).collect();
        let numbers: BTreeSet<_> = held.iter().map(Port::number).collect();
        assert_eq!(numbers.len(), held.len());
    }
}
