//! Divides the memory for serials between authorities. Pure.

/// Maximum size in bytes of the serials of all authorities: one and a half million certificates. Dispatch holds them
/// in memory.
pub(super) const ROOM: usize = 12 * 1024 * 1024;

/// Returns the maximum number of bytes for one authority such that all fit: an authority within an equal share is
/// never cut, and what small ones leave goes to large ones (max-min fairness).
pub(super) fn share(mut sizes: Vec<usize>, room: usize) -> usize {
    sizes.sort_unstable();
    let (mut left, mut takers) = (room, sizes.len());
    for size in sizes {
        let equal = left / takers;
        if size > equal {
            return equal;
        }
        left -= size;
        takers -= 1;
    }
    usize::MAX
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_large_authority_gets_what_the_small_ones_leave_and_never_their_share() {
        assert_eq!(share(vec![10, 20, 30], 60), usize::MAX);
        assert_eq!(share(vec![10, 20, 1000], 60), 30);
        assert_eq!(share(vec![1000, 1000, 10], 60), 25);
        assert_eq!(share(vec![], 60), usize::MAX);
    }

    proptest! {
        #[test]
        fn sizes_within_the_share_fit(sizes in prop::collection::vec(0..1000usize, 0..20), room in 0..5000usize) {
            let share = share(sizes.clone(), room);
            prop_assert!(sizes.iter().filter(|size| **size <= share).sum::<usize>() <= room);
            let equal = room / sizes.len().max(1);
            prop_assert!(sizes.iter().all(|size| *size > equal || *size <= share), "an equal share is never refused");
        }
    }
}
