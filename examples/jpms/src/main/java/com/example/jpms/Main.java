package com.example.jpms;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/// Runs a layer of a checkpoint and compares its output with what another program computed for it.
///
///     java --add-modules jdk.incubator.vector \
///       -p examples/jpms/target/example-jpms.jar:target/tornado-moe.jar:target/lib \
///       -m com.example.jpms/com.example.jpms.Main src/test/resources/golden/hf/mixtral
public final class Main {
  private Main() {}

  public static void main(String[] arguments) {
    Path directory = Path.of(arguments[0]);
    try (Checkpoint checkpoint = Checkpoint.open(directory);
        TensorFile golden = TensorFile.open(directory.resolve("golden.safetensors"))) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      MoePlan plan = Planner.builder().maxTokens(1).requireAlias(true).build().plan(layer);
      float[] hidden = golden.require("layer0/m1/input").toFloats(); // [1, H]
      float[] expected = golden.require("layer0/m1/output").toFloats();
      float[] output = new float[expected.length];
      try (Session session = Backends.auto().prepare(plan)) {
        session.run(MemorySegment.ofArray(hidden), 1, MemorySegment.ofArray(output));
      }
      check(expected, output);
    }
  }

  private static void check(float[] expected, float[] output) {
    for (int i = 0; i < output.length; i++) {
      if (!(Math.abs(output[i] - expected[i]) <= 1e-5f * Math.max(1, Math.abs(expected[i])))) {
        throw new IllegalStateException(
            "element " + i + " is " + output[i] + ", expected " + expected[i]);
      }
    }
    System.out.println("the output equals the golden output, " + output.length + " elements");
  }
}
