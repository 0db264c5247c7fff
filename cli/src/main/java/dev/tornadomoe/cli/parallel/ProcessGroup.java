package dev.tornadomoe.cli.parallel;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.io.Fingerprint;
import dev.tornadomoe.cli.console.Version;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.parallel.Agreement;
import dev.tornadomoe.parallel.Communicator;
import dev.tornadomoe.parallel.DispatchFormat;
import dev.tornadomoe.parallel.ExpertParallelism;
import dev.tornadomoe.parallel.Message;
import dev.tornadomoe.parallel.ParallelException;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.plan.MoePlan;
import java.io.PrintWriter;
import java.io.Writer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// The processes that carry out a command: one, or the ranks of an MPI job, each of which goes
/// through the same command and has a part of every layer's experts and of every call's tokens.
public final class ProcessGroup {
  private final @Nullable Communicator ranks;
  private final @Nullable ExpertParallelism parallelism;
  private final PrintWriter out;
  private final PrintWriter err;

  private ProcessGroup(
      @Nullable Communicator ranks,
      @Nullable ExpertParallelism parallelism,
      PrintWriter out,
      PrintWriter err) {
    this.ranks = ranks;
    this.parallelism = parallelism;
    this.out = out;
    this.err = err;
  }

  /// This process, alone.
  public static ProcessGroup alone(PrintWriter out, PrintWriter err) {
    return new ProcessGroup(null, null, out, err);
  }

  /// One of several. Only the first prints.
  public static ProcessGroup of(
      Communicator ranks, ExpertParallelism parallelism, PrintWriter out, PrintWriter err) {
    return ranks.rank() == 0
        ? new ProcessGroup(ranks, parallelism, out, err)
        : new ProcessGroup(ranks, parallelism, nowhere(), nowhere());
  }

  private static PrintWriter nowhere() {
    return new PrintWriter(Writer.nullWriter());
  }

  /// For results.
  public PrintWriter out() {
    return out;
  }

  /// For everything else.
  public PrintWriter err() {
    return err;
  }

  /// The ranks, or null for one process alone.
  public @Nullable Communicator ranks() {
    return ranks;
  }

  /// How experts are divided, or null for one process alone.
  public @Nullable ExpertParallelism parallelism() {
    return parallelism;
  }

  /// How rows travel between ranks; exactly, where they don't.
  public DispatchFormat dispatch() {
    return parallelism == null ? DispatchFormat.F32 : parallelism.format();
  }

  /// Whether this process writes what the command writes.
  public boolean isFirst() {
    return ranks == null || ranks.rank() == 0;
  }

  /// This process's part of a layer.
  public MoeLayer part(MoeLayer layer) {
    return parallelism == null ? layer : parallelism.part(layer);
  }

  /// Does something on every rank, or fails on every rank.
  public <T> T together(Supplier<T> work) {
    return ranks == null ? work.get() : Agreement.together(ranks, work);
  }

  /// Refuses to go on where ranks are about to run different things.
  ///
  /// @param model its path, or null for one that is made up
  /// @param layers with all experts
  public void agree(@Nullable Path model, MoePlan plan, List<MoeLayer> layers) {
    if (parallelism == null) {
      return;
    }
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("version", new Version().getVersion()[0]);
    facts.put("model", together(() -> model == null ? "made up" : Fingerprint.of(model)));
    facts.put("most tokens", String.valueOf(plan.options().maxTokens()));
    facts.put("precision", plan.options().precision().toString());
    facts.put("sanitize", String.valueOf(plan.options().sanitize()));
    parallelism.agree(layers, facts);
  }

  /// Lets a command go on after a failure only where all ranks have had it.
  public void requireEverywhere(MoeException failure) {
    if (ranks != null && !(failure instanceof ParallelException e && e.isEverywhere())) {
      throw failure;
    }
  }

  /// Runs the plan's first layer. Each rank has a run of the tokens, and gets the results of all.
  ///
  /// @param input `[tokens, H]`
  /// @param extras what the call brings beside; states of routers in it are overwritten
  /// @return the output `[tokens, H]`
  public float[] run(Session session, float[] input, int tokens, TokenExtras extras) {
    if (ranks == null) {
      float[] output = new float[input.length];
      session.run(ArrayCall.of(input, tokens, output, extras));
      return output;
    }
    try (Arena arena = Arena.ofShared()) {
      long row = session.plan().layers().getFirst().hidden() * (long) Float.BYTES;
      MemorySegment hidden = arena.allocate(Math.max(1, tokens * row), 64);
      MemorySegment output = arena.allocate(Math.max(1, tokens * row), 64);
      MemorySegment.copy(input, 0, hidden, ValueLayout.JAVA_FLOAT, 0, input.length);
      int first = firstToken(tokens, ranks.rank());
      int end = firstToken(tokens, ranks.rank() + 1);
      MoeCall call =
          new MoeCall()
              .hidden(hidden.asSlice(first * row, (end - first) * row), end - first)
              .output(output.asSlice(first * row, (end - first) * row));
      Map<CallerRegion, MemorySegment> beside = new EnumMap<>(CallerRegion.class);
      extras
          .memory()
          .forEach((region, values) -> {
            long bytes = extras.tokenBytes(values);
            MemorySegment copy = arena.allocate(Math.max(1, values.byteSize()), 64);
            MemorySegment.copy(values, 0, copy, 0, values.byteSize());
            beside.put(region, copy);
            call.memory(region, copy.asSlice(first * bytes, (end - first) * bytes));
          });
      session.run(call);
      gather(ranks, output, tokens, row);
      for (CallerRegion region : session.plan().results(0)) {
        MemorySegment values = extras.memory().get(region);
        MemorySegment copy = beside.get(region);
        if (values != null && copy != null) {
          gather(ranks, copy, tokens, extras.tokenBytes(values));
          MemorySegment.copy(copy, 0, values, 0, values.byteSize());
        }
      }
      float[] all = new float[input.length];
      MemorySegment.copy(output, ValueLayout.JAVA_FLOAT, 0, all, 0, all.length);
      return all;
    }
  }

  /// Where a rank's tokens begin, for the rank behind the last where they end.
  public int firstToken(int tokens, int rank) {
    return ranks == null ? tokens * rank : (int) ((long) tokens * rank / ranks.size());
  }

  /// The most tokens that any rank has.
  public int mostTokens(int tokens) {
    return ranks == null ? tokens : Math.ceilDiv(tokens, ranks.size());
  }

  private void gather(Communicator communicator, MemorySegment rows, int tokens, long row) {
    Message message = new Message();
    for (int rank = 0; rank < communicator.size(); rank++) {
      if (rank != communicator.rank()) {
        communicator.send(rank, rowsOf(message, communicator.rank(), rows, tokens, row));
      }
    }
    for (int rank = 0; rank < communicator.size(); rank++) {
      if (rank != communicator.rank()) {
        communicator.awaitMessage(rank);
        communicator.receive(rank, rowsOf(message, rank, rows, tokens, row));
      }
    }
    communicator.awaitSent();
  }

  private Message rowsOf(Message message, int rank, MemorySegment rows, int tokens, long row) {
    int first = firstToken(tokens, rank);
    return message.clear().add(rows, first * row, (firstToken(tokens, rank + 1) - first) * row);
  }
}
