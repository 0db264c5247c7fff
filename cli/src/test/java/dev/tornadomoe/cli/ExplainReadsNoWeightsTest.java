package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A checkpoint of Mixtral 8x7B's sizes: 84 GiB of BF16 that take no disk, since the file is
/// sparse. Whoever touched all of them would take far longer than the limit.
class ExplainReadsNoWeightsTest {
  private static final int LAYERS = 32;
  private static final int EXPERTS = 8;
  private static final long HIDDEN = 4096;
  private static final long INTERMEDIATE = 14336;
  private static final Duration LIMIT = Duration.ofSeconds(10);

  @TempDir private static Path checkpoint;

  @BeforeAll
  static void make() throws IOException {
    Files.writeString(
        checkpoint.resolve("config.json"),
        String.format(
            Locale.ROOT,
            """
            {"model_type": "mixtral", "hidden_size": %d, "intermediate_size": %d,
             "num_local_experts": %d, "num_experts_per_tok": 2, "num_hidden_layers": %d}
            """,
            HIDDEN,
            INTERMEDIATE,
            EXPERTS,
            LAYERS));
    List<String> entries = new ArrayList<>();
    long end = 0;
    for (int layer = 0; layer < LAYERS; layer++) {
      String block = "model.layers." + layer + ".block_sparse_moe.";
      end = add(entries, block + "gate.weight", EXPERTS, HIDDEN, end);
      for (int expert = 0; expert < EXPERTS; expert++) {
        String name = block + "experts." + expert + ".";
        end = add(entries, name + "w1.weight", INTERMEDIATE, HIDDEN, end);
        end = add(entries, name + "w2.weight", HIDDEN, INTERMEDIATE, end);
        end = add(entries, name + "w3.weight", INTERMEDIATE, HIDDEN, end);
      }
    }
    byte[] header = ("{" + String.join(",", entries) + "}").getBytes(StandardCharsets.UTF_8);
    Path model = checkpoint.resolve("model.safetensors");
    try (RandomAccessFile file = new RandomAccessFile(model.toFile(), "rw")) {
      file.write(
          ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).array());
      file.write(header);
      file.setLength(8 + header.length + end);
    }
  }

  private static long add(List<String> entries, String name, long rows, long columns, long begin) {
    long end = begin + rows * columns * 2;
    entries.add(
        String.format(
            Locale.ROOT,
            "\"%s\":{\"dtype\":\"BF16\",\"shape\":[%d,%d],\"data_offsets\":[%d,%d]}",
            name,
            rows,
            columns,
            begin,
            end));
    return end;
  }

  @Test
  void explainsOneLayer() {
    MoeRun run = inTime("explain", checkpoint, "--layers", "31");
    assertThat(run.fine().out())
        .contains("H 4096, I 14336, E 8, top-2", "layer 31")
        .containsPattern("copies fused_out -> output +1 +0\n");
  }

  @Test
  void explainsAllLayers() {
    MoeRun run = inTime("explain", checkpoint, "--format", "json");
    assertThat(run.fine().json())
        .containsEntry("copies_per_step_before", LAYERS)
        .containsEntry("copies_per_step", 0);
  }

  @Test
  void refusesATruncatedOneAtOnce() throws IOException {
    Path model = checkpoint.resolve("model.safetensors");
    long size = Files.size(model);
    try (RandomAccessFile file = new RandomAccessFile(model.toFile(), "rw")) {
      file.setLength(size - 1);
      String refusal = inTime("explain", checkpoint, "--layers", "0").refusal();
      assertThat(refusal)
          .startsWith(model + ": ")
          .contains("model.layers.31.block_sparse_moe.experts.7.w3.weight");
      file.setLength(size);
    }
  }

  private static MoeRun inTime(Object... arguments) {
    return assertTimeoutPreemptively(LIMIT, () -> MoeRun.of(arguments));
  }
}
