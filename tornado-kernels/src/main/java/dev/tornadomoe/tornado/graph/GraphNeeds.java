package dev.tornadomoe.tornado.graph;

/// What layers take of the room that TornadoVM has in a task graph, and on the device. Code and
/// nodes are counted as the most that it can be.
///
/// @param tasks how many
/// @param codeBytes of TornadoVM's code for them
/// @param nodes of the graph that TornadoVM builds
/// @param weightBytes on the device
public record GraphNeeds(int tasks, int codeBytes, int nodes, long weightBytes) {
  /// Of nothing.
  public static final GraphNeeds NONE = new GraphNeeds(0, 0, 0, 0);

  /// Both in one graph.
  ///
  /// @param other what comes beside this
  /// @return the sums
  public GraphNeeds plus(GraphNeeds other) {
    return new GraphNeeds(
        tasks + other.tasks,
        codeBytes + other.codeBytes,
        nodes + other.nodes,
        weightBytes + other.weightBytes);
  }

  /// {@return whether one graph surely has room for it, beside nothing else}
  public boolean fitsGraph() {
    return GraphRoom.WHOLE.has(this);
  }
}
