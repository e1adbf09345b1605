//! g++ -O2 on a large generated file: the object file must be the same, byte by byte.

use crate::Verdict;
use crate::both::{installed, same_output};
use std::fmt::Write;
use std::fs;

/// Classes, templates and functions by the hundred, over the standard library's containers.
fn source() -> String {
    let mut text = String::from(
        "#include <algorithm>\n#include <map>\n#include <memory>\n#include <regex>\n\
         #include <sstream>\n#include <string>\n#include <unordered_map>\n#include <vector>\n\
         template <int N> struct Step {\n\
         \x20   static long f(long x) { return Step<N - 1>::f(x * N + (x >> (N % 7))); }\n};\n\
         template <> struct Step<0> { static long f(long x) { return x; } };\n",
    );
    for i in 0..60 {
        let depth = 100 + i % 50;
        // Writing to a string does not fail.
        let _ = write!(
            text,
            r#"
struct Node{i} {{
    std::string name;
    std::vector<std::unique_ptr<Node{i}>> children;
    std::unordered_map<int, std::vector<double>> values;
    Node{i}() = default;
    Node{i}(Node{i} &&) = default;
    Node{i} &operator=(Node{i} &&) = default;
    virtual ~Node{i}() = default;
    virtual long weight(int depth) const {{
        long sum = Step<{depth}>::f(depth + {i}) + static_cast<long>(name.size());
        for (const auto &child : children) sum += child->weight(depth + 1);
        for (const auto &[key, list] : values)
            for (double value : list) sum += static_cast<long>(value * key) % {modulus};
        return sum;
    }}
}};
std::map<std::string, long> table{i}(std::vector<Node{i}> &nodes) {{
    std::sort(nodes.begin(), nodes.end(), [](const auto &a, const auto &b) {{
        return a.weight({i}) < b.weight({i}) || (a.name < b.name && a.children.size() > {i});
    }});
    std::map<std::string, long> result;
    std::ostringstream out;
    for (auto &node : nodes) {{
        out << node.name << ':' << node.weight(0) << ' ' << {i};
        result[out.str()] += node.weight(1);
    }}
    switch (result.size() % 5) {{
    case 0: return {{}};
    case 1: result.erase(result.begin()); break;
    case 2: result["{i}"] = {i}; break;
    default: result.emplace(out.str() + "{i}", Step<{i}>::f(3));
    }}
    return result;
}}
"#,
            modulus = i + 3,
        );
    }
    text
}

pub(crate) fn compiler_makes_the_same_object_file() -> Verdict {
    let shell = match installed("g++").and_then(|_| installed("sh")) {
        Err(reason) => return Verdict::Skipped(reason),
        Ok(path) => path,
    };
    let mut objects = Vec::new();
    same_output(&shell, "cc1plus", |command, dir| {
        fs::write(dir.join("large.cc"), source()).expect("the directory is writable");
        command.args(["-c", "g++ -std=c++17 -O2 -c large.cc -o large.o && cksum large.o"]);
        objects.push(dir.join("large.o"));
    });
    let [with, without] =
        [0, 1].map(|i| fs::read(&objects[i]).expect("the compiler wrote an object file"));
    assert!(with.len() > 200_000, "the object file is too small: {} bytes", with.len());
    assert!(with == without, "the object files differ");
    Verdict::Passed
}
