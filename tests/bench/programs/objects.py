"""A fixed task for CPython: builds, checks and drops many small objects."""

import json
import sys


class Node:
    """An object with a dictionary of its own."""

    def __init__(self, key, left, right):
        self.key = key
        self.left = left
        self.right = right


def tree(depth, key):
    if depth == 0:
        return None
    return Node(key, tree(depth - 1, 2 * key), tree(depth - 1, 2 * key + 1))


def total(node):
    return 0 if node is None else node.key + total(node.left) + total(node.right)


def documents(count):
    return [
        {
            "id": number,
            "name": "name-%d" % (number * 7919 % 10007),
            "tags": [str(number + step) for step in range(8)],
            "point": {"x": number / 3, "y": number / 7},
        }
        for number in range(count)
    ]


def main(rounds):
    for number in range(rounds):
        wanted = documents(5000)
        text = json.dumps(wanted)
        assert json.loads(text) == wanted
        words = {}
        for word in text.replace('"', " ").replace(",", " ").split():
            words[word] = words.get(word, 0) + 1
        assert sum(words.values()) > 5000
        root = tree(13, 1)
        assert total(root) == sum(range(1, 2**13))
        lines = sorted(("%x" % (step * 2654435761 % 2**32)) * 3 for step in range(30000))
        assert len("".join(lines)) == sum(map(len, lines))


main(max(1, round(8 * float(sys.argv[1]))))
