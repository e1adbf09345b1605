// A file that keeps the compiler busy: the benchmarks compile it, nobody runs it.

#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

// A type for each number, so that each container below is instantiated anew.
template <int N> struct Item {
    int key = N;
    std::string name = "item " + std::to_string(N);
    bool operator<(const Item &other) const { return std::tie(key, name) < std::tie(other.key, other.name); }
    bool operator==(const Item &other) const { return key == other.key && name == other.name; }
};

template <int N> struct Hash {
    std::size_t operator()(const Item<N> &item) const { return std::hash<std::string>()(item.name) + N; }
};

template <int N> std::string use(const std::string &text) {
    std::map<Item<N>, std::vector<Item<N>>> ordered;
    std::unordered_map<Item<N>, std::shared_ptr<Item<N>>, Hash<N>> hashed;
    std::set<std::pair<int, Item<N>>> pairs;
    for (int step = 0; step < N + 3; ++step) {
        Item<N> item{step, text + std::to_string(step)};
        ordered[item].push_back(item);
        hashed.emplace(item, std::make_shared<Item<N>>(item));
        pairs.emplace(step, item);
    }
    std::vector<Item<N>> items;
    for (const auto &entry : ordered)
        std::copy(entry.second.begin(), entry.second.end(), std::back_inserter(items));
    std::stable_sort(items.begin(), items.end(), [](const auto &a, const auto &b) { return b < a; });
    std::variant<int, std::string, Item<N>> choice = items.front();
    std::ostringstream out;
    std::visit([&](const auto &value) { out << sizeof(value); }, choice);
    out << hashed.size() << pairs.size()
        << std::accumulate(items.begin(), items.end(), N, [](int sum, const auto &item) { return sum + item.key; });
    return out.str() + text;
}

template <int... N> std::string all(const std::string &text, std::integer_sequence<int, N...>) {
    std::string result;
    ((result += use<N>(text)), ...);
    return result;
}

int main(int, char **argv) {
    std::cout << all(argv[0], std::make_integer_sequence<int, 3>()) << '\n';
}
