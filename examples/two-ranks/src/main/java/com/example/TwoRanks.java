package com.example;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.parallel.Communicator;
import dev.tornadomoe.parallel.ExpertParallelism;
import dev.tornadomoe.parallel.mpi.Launcher;
import dev.tornadomoe.parallel.mpi.MpiCommunicator;
import dev.tornadomoe.parallel.mpi.MpiLibrary;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// A layer whose experts are divided among the processes of an MPI job. Each has some of the tokens;
/// all get what one process with all experts would give.
///
///     examples/run two-ranks [DIR]
public final class TwoRanks {
  private static final int SECONDS = 60;

  private TwoRanks() {}

  public static void main(String[] arguments) {
    Launcher launcher = Launcher.ofThisProcess();
    Communicator ranks = MpiCommunicator.start(MpiLibrary.find(launcher), launcher, SECONDS);
    try {
      run(Path.of(arguments[0]), ranks);
      ranks.close();
    } catch (RuntimeException e) {
      System.err.println("rank " + ranks.rank() + ": " + e.getMessage());
      MpiCommunicator.abandon(1); // the others wait for this rank, and end with it
    }
  }

  private static void run(Path directory, Communicator ranks) {
    ExpertParallelism parallel = ExpertParallelism.over(ranks).build();
    try (Checkpoint checkpoint = Checkpoint.open(directory);
        TensorFile golden = TensorFile.open(directory.resolve("golden.safetensors"));
        Arena arena = Arena.ofShared()) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      // On every rank before the first call: all must run the same.
      parallel.agree(List.of(layer), Map.of("model", directory.toString()));
      MoeLayer part = parallel.part(layer);
      MoePlan plan =
          Planner.builder().maxTokens(64).modularMoe(parallel::modularMoe).build().plan(part);
      float[] all = golden.require("layer0/m7/input").toFloats(); // [7, H]
      float[] expected = golden.require("layer0/m7/output").toFloats();
      int hidden = layer.hidden();
      int tokens = all.length / hidden;
      int first = tokens * ranks.rank() / ranks.size();
      int mine = tokens * (ranks.rank() + 1) / ranks.size() - first;
      MemorySegment input = arena.allocate((long) mine * hidden * Float.BYTES, 64);
      MemorySegment.copy(all, first * hidden, input, ValueLayout.JAVA_FLOAT, 0, mine * hidden);
      MemorySegment output = arena.allocate(input.byteSize(), 64);
      try (Session session = Backends.auto().prepare(plan)) {
        session.run(input, mine, output);
      }
      for (int i = 0; i < mine * hidden; i++) {
        float found = output.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        float wanted = expected[first * hidden + i];
        if (!(Math.abs(found - wanted) <= 1e-5f * Math.max(1, Math.abs(wanted)))) {
          throw new IllegalStateException("element " + i + " is " + found + ", not " + wanted);
        }
      }
      System.out.printf(
          Locale.ROOT,
          "rank %d: %d experts here, %d of %d tokens, as golden%n",
          ranks.rank(),
          part.experts().local().size(),
          mine,
          tokens);
    }
  }
}
