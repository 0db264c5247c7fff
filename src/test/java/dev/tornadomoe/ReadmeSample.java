package dev.tornadomoe;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;

/// The README's program; [ReadmeTest] compares the two.
final class ReadmeSample {
  private ReadmeSample() {}

  static void run(Path directory) {
    // begin
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      MoePlan plan = Planner.builder().maxTokens(64).requireAlias().build().plan(layer);
      System.out.println(plan.explain());
      try (Session session = Backends.require("cpu").prepare(plan)) {
        float[] hidden = new float[layer.hidden()]; // [tokens, H], on the heap or native
        float[] output = new float[layer.hidden()]; // the experts write it, nothing is copied
        Arrays.fill(hidden, 1);
        session.run(MemorySegment.ofArray(hidden), 1, MemorySegment.ofArray(output));
        System.out.printf("output: %.5f %.5f ...%n", output[0], output[1]);
      }
    }
    // end
  }
}
