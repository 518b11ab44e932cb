/// A priority queue by time. Elements with the same time keep the order of insertion.
struct Heap<Element> {
    private struct Node {
        var time: Int
        var order: Int
        var element: Element
    }

    private var nodes: [Node] = []
    private var count = 0

    var nextTime: Int? { nodes.first?.time }

    mutating func push(_ element: Element, at time: Int) {
        count += 1
        nodes.append(Node(time: time, order: count, element: element))
        var child = nodes.count - 1
        while child > 0, precedes(child, (child - 1) / 2) {
            nodes.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func pop() -> Element? {
        guard !nodes.isEmpty else { return nil }
        nodes.swapAt(0, nodes.count - 1)
        let last = nodes.removeLast()
        var parent = 0
        while true {
            var first = parent
            for child in [parent * 2 + 1, parent * 2 + 2] where child < nodes.count && precedes(child, first) {
                first = child
            }
            if first == parent { return last.element }
            nodes.swapAt(first, parent)
            parent = first
        }
    }

    private func precedes(_ left: Int, _ right: Int) -> Bool {
        let (left, right) = (nodes[left], nodes[right])
        return left.time == right.time ? left.order < right.order : left.time < right.time
    }
}
