//! A heap that only grows: objects of 16 B to 16 KiB, every byte written, each linked to the one
//! before it, as a compiler or a server that loads its data builds one. Nothing is freed.

use crate::alloc::Alloc;
use crate::clock::Stopwatch;
use crate::learner::done;
use crate::memory;
use crate::random::Random;

/// Bytes of an object's head: the object before it, and its own size.
const HEAD: usize = 2 * size_of::<usize>();

/// An object; its head says where the one before it is.
type Object = *mut usize;

/// The last object of a thread's chain.
struct Chain {
    last: Object,
    count: usize,
}

// SAFETY: whoever holds the chain owns its objects.
unsafe impl Send for Chain {}

/// `mib` in equal parts on so many threads; one is the main thread.
pub(super) fn run<A: Alloc>(mib: usize, threads: usize) {
    let bytes = (mib << 20) / threads;
    let watch = Stopwatch::start();
    let chains: Vec<Chain> = if threads == 1 {
        vec![build::<A>(bytes, 0)]
    } else {
        std::thread::scope(|scope| {
            let builders: Vec<_> = (0..threads)
                .map(|index| scope.spawn(move || build::<A>(bytes, index as u64)))
                .collect();
            builders.into_iter().map(|one| one.join().expect("no thread fails")).collect()
        })
    };
    let took = watch.read();
    let peak = memory::peak_kib().unwrap_or(0);
    let count = chains.iter().map(|chain| chain.count).sum();
    assert_eq!(chains.iter().map(Chain::length).sum::<usize>(), count, "objects were lost");
    done(count, took, 0, format_args!(",\"peak_kib\":{peak}"));
}

fn build<A: Alloc>(bytes: usize, index: u64) -> Chain {
    let mut random = Random::new(107 + index);
    let mut chain = Chain { last: core::ptr::null_mut(), count: 0 };
    let mut built = 0;
    while built < bytes {
        let size = draw(&mut random) as usize;
        let object = A::alloc(size);
        // SAFETY: the object has `size` bytes, which is a head at least, aligned to 8.
        unsafe {
            object.add(HEAD).write_bytes(size as u8, size - HEAD);
            object.cast::<Object>().write(chain.last);
            object.cast::<usize>().add(1).write(size);
        }
        chain = Chain { last: object.cast(), count: chain.count + 1 };
        built += size;
    }
    chain
}

/// 85 % of 16 to 256 B, 12 % to 2 KiB, 3 % to 16 KiB: by bytes about a fifth, a quarter, and a half.
fn draw(random: &mut Random) -> u32 {
    match random.below(100) {
        0..85 => random.log_between(16, 256),
        85..97 => random.log_between(256, 2 << 10),
        _ => random.log_between(2 << 10, 16 << 10),
    }
}

impl Chain {
    /// Walks over all objects and checks each one's last byte.
    fn length(&self) -> usize {
        let mut object = self.last;
        let mut length = 0;
        while !object.is_null() {
            // SAFETY: every object of the chain is live, and was written from end to end.
            unsafe {
                let size = object.add(1).read();
                assert!(
                    size == HEAD || object.cast::<u8>().add(size - 1).read() == size as u8,
                    "an object was overwritten"
                );
                object = object.cast::<Object>().read();
            }
            length += 1;
        }
        length
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alloc::RustGlobal;

    #[test]
    fn a_chain_holds_all_its_objects() {
        let chain = build::<RustGlobal>(1 << 20, 1);
        assert!(chain.count > 1000);
        assert_eq!(chain.length(), chain.count);
    }
}
