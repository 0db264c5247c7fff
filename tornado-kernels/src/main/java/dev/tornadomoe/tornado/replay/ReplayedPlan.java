package dev.tornadomoe.tornado.replay;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.common.TornadoDevice;

/// An execution plan whose graphs are replayed if they can be, and executed by TornadoVM otherwise.
/// The first time it does both and compares; with the first refusal replaying is over.
public final class ReplayedPlan implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger("dev.tornadomoe.tornado.replay");

  /// What was logged: a model's layers are all refused for the same reason.
  private static final Set<String> LOGGED = ConcurrentHashMap.newKeySet();

  private final TornadoExecutionPlan plan;
  private final ReplayMode mode;

  /// Another thread may look here while one executes.
  private final Map<List<Integer>, GraphReplay> replays = new ConcurrentHashMap<>();

  private @Nullable OpenCl cl;
  private volatile @Nullable String refusal;

  /// Nothing is replayed yet.
  ///
  /// @param plan whose graphs will run
  /// @param device that it runs on
  /// @param mode whether graphs are replayed where they can be, must be, or never are
  /// @throws ReplayException when replay is required and the device can't
  public ReplayedPlan(TornadoExecutionPlan plan, TornadoDevice device, ReplayMode mode) {
    this(
        plan,
        mode,
        () -> {
          GraphReplay.requireSupport(device);
          return OpenCl.get();
        });
  }

  /// The same with other functions of OpenCL.
  ReplayedPlan(TornadoExecutionPlan plan, ReplayMode mode, Supplier<OpenCl> functions) {
    this.plan = plan;
    this.mode = mode;
    if (mode == ReplayMode.OFF) {
      refusal = String.format(Locale.ROOT, "-D%s=off", ReplayMode.PROPERTY);
      return;
    }
    try {
      cl = functions.get();
    } catch (ReplayException e) {
      refuse(e);
    }
  }

  /// Executes some graphs.
  ///
  /// @param graphs by their indices in the plan
  /// @param execution TornadoVM's, of the same graphs
  /// @throws ReplayException when a replay fails that was once right, or replay is required and not
  ///   possible; later executions are TornadoVM's unless it is required
  public void execute(List<Integer> graphs, Runnable execution) {
    run(
        graphs,
        execution,
        replay -> {
          replay.run();
          return true;
        });
  }

  /// Whether some graphs have been replayed and found right.
  ///
  /// @param graphs by their indices in the plan
  /// @return whether [#replay] may be called
  public boolean isReplayed(List<Integer> graphs) {
    return refusal == null && replays.containsKey(graphs);
  }

  /// Replays some graphs with rows of the host's in the place of whole arrays.
  ///
  /// @param graphs for which [#isReplayed] has said yes
  /// @param rows each of another array
  /// @throws ReplayException when it fails; later executions are TornadoVM's unless replay is
  ///   required
  public void replay(List<Integer> graphs, List<HostRows> rows) {
    GraphReplay known = replays.get(graphs);
    if (known == null) {
      throw new IllegalStateException("graphs " + graphs + " were never replayed");
    }
    try {
      known.run(rows);
    } catch (ReplayException e) {
      refuse(e);
      throw e;
    }
  }

  /// Brings elements of arrays up before graphs are replayed with none of them. Another thread may
  /// do so while others are.
  ///
  /// @param graphs for which [#isReplayed] has said yes
  /// @param elements the first ones of arrays, in ordinary memory
  /// @param staging what they go through
  /// @throws ReplayException when it fails, or replaying is over meanwhile
  public void upload(List<Integer> graphs, List<HostRows> elements, StagingBuffer staging) {
    GraphReplay known = replays.get(graphs);
    if (known == null) {
      throw new ReplayException(String.valueOf(refusal));
    }
    known.upload(elements, staging);
  }

  /// Executes some graphs with times; without any where TornadoVM executes the graphs.
  ///
  /// @param graphs their indices in the plan, in the order of execution
  /// @param execution has TornadoVM execute them
  /// @return times of each task
  public Optional<ReplayProfile> profile(List<Integer> graphs, Runnable execution) {
    return run(
        graphs,
        execution,
        replay -> new ReplayProfile(replay.profile(), replay.bytesUp(), replay.bytesDown()));
  }

  private <T> Optional<T> run(
      List<Integer> graphs, Runnable execution, Function<GraphReplay, T> replayed) {
    if (cl == null || refusal != null) {
      requireOptional(String.valueOf(refusal));
      execution.run();
      return Optional.empty();
    }
    GraphReplay known = replays.get(graphs);
    if (known == null) {
      return begin(cl, graphs, execution, replayed);
    }
    try {
      return Optional.of(replayed.apply(known));
    } catch (ReplayException e) {
      refuse(e);
      throw e;
    }
  }

  private <T> Optional<T> begin(
      OpenCl functions,
      List<Integer> graphs,
      Runnable execution,
      Function<GraphReplay, T> replayed) {
    GraphReplay replay;
    try {
      replay = GraphReplay.of(plan, graphs, functions);
    } catch (ReplayException e) {
      refuse(e);
      execution.run();
      return Optional.empty();
    }
    try {
      T result = replay.check(execution, () -> replayed.apply(replay));
      replays.put(graphs, replay);
      return Optional.of(result);
    } catch (ReplayException e) {
      refuse(e);
      return Optional.empty();
    } finally {
      if (!replays.containsKey(graphs)) {
        replay.close();
      }
    }
  }

  private void refuse(ReplayException why) {
    String sentence = String.valueOf(why.getMessage());
    refusal = sentence;
    close();
    requireOptional(sentence);
    if (LOGGED.add(sentence)) {
      LOG.log(
          System.Logger.Level.WARNING, "launches are not replayed, which is slower: {0}", sentence);
    }
  }

  private void requireOptional(String why) {
    if (mode == ReplayMode.REQUIRED) {
      throw new ReplayException(
          String.format(
              Locale.ROOT,
              "-D%s=required, and launches can't be replayed: %s",
              ReplayMode.PROPERTY,
              why));
    }
  }

  /// {@return why TornadoVM executes the graphs; empty where they are replayed, or will be}
  public Optional<String> refusal() {
    return Optional.ofNullable(refusal);
  }

  /// Gives back the replays; the plan stays as it is.
  @Override
  public void close() {
    replays.values().forEach(GraphReplay::close);
    replays.clear();
  }
}
