package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.checkpoint.SafetensorsWriter;
import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Layers that choose experts by token id, on the command line.
class RunTokenIdsTest {
  private static final Path CHECKPOINT = Golden.directory("hf/deepseek_v4_hash");

  @TempDir private Path directory;

  private TensorView rows() {
    float[] rows = Golden.floats(CHECKPOINT.resolve("golden.safetensors"), "layer0/m7/input");
    return Golden.tensor("x", rows, 7, 64);
  }

  private static TensorView ids(long... ids) {
    return new TensorView("input_ids", DType.I64, Shape.of(ids.length), MemorySegment.ofArray(ids));
  }

  private static long[] goldenIds() {
    try (TensorFile extra = TensorFile.open(CHECKPOINT.resolve("golden_extra.safetensors"))) {
      TensorView stored = extra.require("layer0/m7/input_ids");
      long[] ids = new long[7];
      for (int t = 0; t < ids.length; t++) {
        ids[t] = stored.getLong(t);
      }
      return ids;
    }
  }

  private MoeRun run(TensorView... tensors) {
    Path input = directory.resolve("input.safetensors");
    SafetensorsWriter.write(input, List.of(tensors));
    return MoeRun.of(
        "run", CHECKPOINT, "--layer", 0, "--input", input, "--output", directory.resolve("y"));
  }

  @Test
  void idsLieBesideTheRows() {
    run(rows(), ids(goldenIds())).fine();
    assertThat(
            Comparison.Deviation.of(
                    Golden.floats(CHECKPOINT.resolve("golden.safetensors"), "layer0/m7/output"),
                    Golden.floats(directory.resolve("y"), "output"))
                .most())
        .isLessThanOrEqualTo(2e-5);
  }

  @Test
  void refusesRowsWithoutThem() {
    assertThat(run(rows()).refusal())
        .contains("has no tensor \"input_ids\", by which layer 0 chooses experts", "[7]");
    assertThat(run(rows(), ids(1, 2)).refusal())
        .contains("tensor \"input_ids\" is I64 [2], expected I32 or I64 [7]");
    assertThat(run(rows(), Golden.tensor("input_ids", new float[7], 7)).refusal())
        .contains("tensor \"input_ids\" is F32 [7], expected I32 or I64 [7]");
    assertThat(run(rows(), ids(0, 1, 2, 96, 4, 5, 6)).refusal())
        .contains("input.safetensors: tensor \"input_ids\" has 96 for token 3, expected 0 to 95");
    assertThat(run(rows(), ids(0, 1, 2, 3, 4, 5, 1L << 32)).refusal())
        .contains(
            "input.safetensors: tensor \"input_ids\" has 4294967296 for token 6, expected 0 to 95");
    assertThat(run(rows(), ids(-5, 1, 2, 3, 4, 5, 6)).refusal())
        .contains("input.safetensors: tensor \"input_ids\" has -5 for token 0, expected 0 to 95");
  }

  @Test
  void refusesThemWithoutRows() {
    assertThat(run(ids(goldenIds())).refusal())
        .contains("input.safetensors: has no hidden states beside \"input_ids\"");
  }

  @Test
  void samplesHaveThem() {
    Path sample = directory.resolve("sample");
    MoeRun.of("run", CHECKPOINT, "--layer", 0, "--sample-input", sample, "--tokens", 5).fine();
    try (TensorFile file = TensorFile.open(sample)) {
      List<String> names = new ArrayList<>(file.names());
      assertThat(names).containsExactlyInAnyOrder("hidden", "input_ids");
      assertThat(file.require("input_ids").shape()).isEqualTo(Shape.of(5));
    }
    MoeRun.of(
            "run", CHECKPOINT, "--layer", 0, "--input", sample, "--output", directory.resolve("y"))
        .fine();
  }

  @Test
  void verifyNamesTheFileThatLacksThem() throws IOException {
    Path copy = Golden.copy("hf/deepseek_v4_hash", directory);
    Files.delete(copy.resolve("golden_extra.safetensors"));
    assertThat(MoeRun.of("verify", copy).refusal()).contains("golden_extra.safetensors");
  }

  @Test
  void inspectSaysWhichLayersNeedThem() {
    assertThat(MoeRun.of("inspect", CHECKPOINT).fine().out())
        .contains("by token id instead in layers 0 (calls bring token ids)");
  }
}
