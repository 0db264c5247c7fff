package dev.tornadomoe.tornado.replay;

import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.common.TornadoDevice;
import uk.ac.manchester.tornado.api.memory.DeviceBufferState;
import uk.ac.manchester.tornado.api.memory.XPUBuffer;

/// The device memory of an execution plan's graphs, in which an array has one buffer, whichever of
/// the graphs use it: weights of prefill and decode graphs, a cache that both write, scratch.
///
/// TornadoVM gives an array a buffer for each graph. A graph can take over those of the graph that
/// was executed just before it (`consumeFromDevice`), but neither of any other, nor what goes up
/// with each execution. Here a graph takes over what all graphs before it have:
///
///     GraphMemory memory = GraphMemory.of(plan);
///     for (int graph = 0; graph < graphs; graph++) {
///       memory.share(graph);
///       plan.withGraph(graph).execute();
///     }
///
/// Then they may be executed, and replayed, in any order. What goes up with the first execution
/// goes up with the first graph that has it; what goes up with every execution still does.
/// `persistOnDevice` and `consumeFromDevice` are not needed.
///
/// All graphs run on one device. Closing it frees the memory of all of them, and ends the plan:
/// `plan.freeDeviceMemory()` frees only the graph that was selected last.
@SuppressWarnings("ReferenceEquality") // TornadoVM's objects are known by themselves
public final class GraphMemory implements AutoCloseable {
  private final TornadoExecutionPlan plan;
  private final List<?> graphs;

  /// Graphs whose buffers were not looked for yet.
  private final List<Object> unknown;

  private final IdentityHashMap<Object, XPUBuffer> buffers = new IdentityHashMap<>();

  private GraphMemory(TornadoExecutionPlan plan, List<?> graphs) {
    this.plan = plan;
    this.graphs = graphs;
    this.unknown = new ArrayList<>(graphs);
  }

  /// Refuses a TornadoVM whose inside is another than the one known here.
  ///
  /// @throws ReplayException naming what is missing
  public static void requireSupport() {
    TornadoInternals.requireMemory();
  }

  /// The memory of all graphs of a plan.
  ///
  /// @param plan whose graphs run on one device
  /// @return what lets them share
  /// @throws ReplayException as [#requireSupport] does
  public static GraphMemory of(TornadoExecutionPlan plan) {
    requireSupport();
    return new GraphMemory(plan, TornadoInternals.graphs(plan));
  }

  /// Has a graph use the buffers that the graphs which were executed so far have for the same
  /// arrays. Call it before its first execution.
  ///
  /// @param graph its index in the plan, as for `withGraph`
  /// @throws ReplayException when it has its own buffer already
  public void share(int graph) {
    if (graph < 0 || graph >= graphs.size()) {
      throw new ReplayException(
          String.format(
              Locale.ROOT,
              "the plan has graphs 0 to %d, asked for graph %d",
              graphs.size() - 1,
              graph));
    }
    findBuffers();
    Object target = graphs.get(graph);
    TornadoDevice device = device(target);
    for (Object state : TornadoInternals.states(target)) {
      XPUBuffer shared = buffers.get(TornadoInternals.object(state));
      DeviceBufferState own = TornadoInternals.bufferState(state, device);
      if (shared == null || own.getXPUBuffer() == shared) {
        continue;
      }
      if (own.hasObjectBuffer()) {
        throw new ReplayException(
            String.format(
                Locale.ROOT,
                "graph %s has its own memory already; let it share before its first execution",
                TornadoInternals.name(target)));
      }
      own.setXPUBuffer(shared);
      own.setContents(true);
      TornadoInternals.lock(own, true);
    }
  }

  private void findBuffers() {
    for (Iterator<Object> left = unknown.iterator(); left.hasNext(); ) {
      Object graph = left.next();
      if (TornadoInternals.wasExecuted(graph)) {
        left.remove();
        for (Object state : TornadoInternals.states(graph)) {
          XPUBuffer buffer = buffer(state, device(graph));
          if (buffer != null) {
            buffers.putIfAbsent(TornadoInternals.object(state), buffer);
          }
        }
      }
    }
  }

  /// What can be shared, or null.
  private static @Nullable XPUBuffer buffer(Object state, TornadoDevice device) {
    return TornadoInternals.isAtomic(state, device) ? null : TornadoInternals.buffer(state, device);
  }

  private static TornadoDevice device(Object graph) {
    return TornadoInternals.tasks(graph).getFirst().getDevice();
  }

  /// {@return bytes on the device that the graphs hold, each buffer counted once}
  public long bytes() {
    Set<XPUBuffer> counted = Collections.newSetFromMap(new IdentityHashMap<>());
    for (Object graph : graphs) {
      for (Object state : TornadoInternals.states(graph)) {
        XPUBuffer buffer = buffer(state, device(graph));
        if (buffer != null) {
          counted.add(buffer);
        }
      }
    }
    return counted.stream().mapToLong(XPUBuffer::size).sum();
  }

  /// Frees the memory of all graphs, and their code. The plan can't be executed any more.
  @Override
  public void close() {
    Set<XPUBuffer> freed = Collections.newSetFromMap(new IdentityHashMap<>());
    for (Object graph : graphs) {
      TornadoDevice device = device(graph);
      for (Object state : TornadoInternals.states(graph)) {
        XPUBuffer buffer = buffer(state, device);
        if (buffer == null) {
          continue;
        }
        DeviceBufferState own = TornadoInternals.bufferState(state, device);
        TornadoInternals.lock(own, false);
        if (freed.add(buffer)) {
          device.deallocate(own);
        } else {
          own.setXPUBuffer(null);
          own.setContents(false);
        }
      }
    }
    buffers.clear();
    plan.freeDeviceMemory();
  }
}
