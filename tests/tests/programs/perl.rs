//! perl: hashes, strings, sorting, patterns, closures and cycles of references.

use crate::Verdict;
use crate::both::{installed, same_output};

const SCRIPT: &str = r#"
use strict; use warnings;
my $state = 42;
sub random { $state = ($state * 1103515245 + 12345) % 2147483648; return int($state / 65536) % $_[0]; }

my %hash;
for my $i (1 .. 200_000) {
    my $key = "key" . random(32768);
    $hash{$key} .= chr(97 + random(26)) x random(40);
    delete $hash{"key" . random(32768)} if $i % 3 == 0;
    $hash{$key} = substr($hash{$key}, 0, 500) if length($hash{$key} // "") > 1000;
}
my $sum = 0;
$sum = ($sum * 31 + length($hash{$_}) + unpack("%32C*", $hash{$_})) % 1000000007 for sort keys %hash;
print scalar(keys %hash), " $sum\n";

my $text = join " ", map { join "", map { chr(97 + random(6)) } 1 .. 1 + random(9) } 1 .. 60_000;
my %words; $words{$_}++ for split / /, $text;
print join(",", (sort { $words{$b} <=> $words{$a} || $a cmp $b } keys %words)[0 .. 20]), "\n";
(my $other = $text) =~ s/([aeiou])([bcd]+)/uc($2) . $1/ge;
print length($other), " ", ($other =~ tr/BCD//), "\n";

my @subs = map { my $n = $_; sub { $n += $_[0]; return $n } } 1 .. 50_000;
my $total = 0; $total += $subs[random(50_000)]->($_) for 1 .. 100_000;
print "$total\n";

my @trees; my $depth = 0;
sub tree { my $left = shift; return $left ? { l => tree($left - 1), r => tree($left - 1), d => "x" x $left } : undef; }
sub weight { my $t = shift; return $t ? 1 + weight($t->{l}) + weight($t->{r}) + length $t->{d} : 0; }
for (1 .. 12) { push @trees, tree(12); shift @trees if @trees > 3; $depth += weight($trees[-1]); }
print "$depth\n";

my $big = ""; $big .= pack("N", $_) x 50 for 1 .. 100_000;
print length($big), " ", unpack("%32N*", $big), "\n";
my @sorted = sort { $a <=> $b } map { random(1 << 15) } 1 .. 300_000;
print "$sorted[0] $sorted[150_000] $sorted[-1]\n";
"#;

pub(crate) fn hashes_strings_and_patterns() -> Verdict {
    match installed("perl") {
        Err(reason) => Verdict::Skipped(reason),
        Ok(perl) => {
            same_output(&perl, "perl", |command, _| {
                // Else the order of hashes, and with it the growth of memory, is random.
                command.env("PERL_HASH_SEED", "0").args(["-e", SCRIPT]);
            });
            Verdict::Passed
        }
    }
}
