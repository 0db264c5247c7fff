package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.checkpoint.SafetensorsWriter;
import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.tensor.BFloat16;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// `run` writes what the layer gives, for every type of input and any number of tokens.
class RunRoundTripTest {
  private static final Path CHECKPOINT = Golden.directory("hf/qwen2_moe");
  private static final int HIDDEN = 64;

  @TempDir private Path directory;

  @ParameterizedTest
  @CsvSource({
    "hf/qwen2_moe, 0, 33, ''",
    "hf/qwen2_moe, 1, 1, --alias off",
    "hf/llama4_text, 1, 7, --sanitize",
    "hf/gpt_oss, 0, 7, --backend reference",
    "hf/mixtral, 1, 33, --experts batched --alias off",
    "w4a16/qwen3_moe-gptq_g64_desc_act, 0, 5, --alias require --sanitize",
    "w4a16/deepseek_v3-ct_channel_sym, 0, 32, --precision exact",
  })
  void writesTheGoldenOutput(String name, int layer, int tokens, String options) {
    Path golden = Golden.directory(name).resolve("golden.safetensors");
    String prefix = String.format(Locale.ROOT, "layer%d/m%d/", layer, tokens);
    Path output = directory.resolve("output.safetensors");
    String line =
        String.format(
            Locale.ROOT,
            "run %s --layer %d --input %s --tensor %sinput --output %s %s",
            Golden.directory(name),
            layer,
            golden,
            prefix,
            output,
            options);
    MoeRun run = MoeRun.of((Object[]) line.strip().split(" ")).fine();
    assertThat(run.out()).isEmpty();
    assertThat(run.err()).contains("wrote " + output);
    float[] expected = Golden.floats(golden, prefix + "output");
    try (TensorFile file = TensorFile.open(output)) {
      TensorView written = file.require("output");
      assertThat(file.names()).containsExactly("output");
      assertThat(written.dtype()).isEqualTo(DType.F32);
      assertThat(written.shape()).isEqualTo(Shape.of(tokens, expected.length / tokens));
      assertThat(Comparison.Deviation.of(expected, written.toFloats()).most())
          .isLessThanOrEqualTo(2e-5);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16"})
  void takesNarrowInputsForTheNumbersTheyAre(DType type) {
    float[] rows = goldenInput(33);
    short[] narrow = new short[rows.length];
    for (int i = 0; i < rows.length; i++) {
      narrow[i] = type == DType.F16 ? Float.floatToFloat16(rows[i]) : BFloat16.fromFloat(rows[i]);
      rows[i] = type == DType.F16 ? Float.float16ToFloat(narrow[i]) : BFloat16.toFloat(narrow[i]);
    }
    TensorView stored =
        new TensorView("x", type, Shape.of(33, HIDDEN), MemorySegment.ofArray(narrow));
    assertThat(run(stored)).containsExactly(run(Golden.tensor("x", rows, 33, HIDDEN)));
  }

  @Test
  void worksOnLongInputsInSlices() {
    float[] once = goldenInput(33);
    int times = 70; // 2310 tokens, more than two slices
    float[] rows = new float[times * once.length];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = once[i % once.length];
    }
    float[] expected = Golden.floats(CHECKPOINT.resolve("golden.safetensors"), "layer0/m33/output");
    float[] found = run(Golden.tensor("x", rows, 33L * times, HIDDEN));
    for (int i = 0; i < times; i++) {
      float[] block = new float[once.length];
      System.arraycopy(found, i * block.length, block, 0, block.length);
      assertThat(Comparison.Deviation.of(expected, block).most())
          .as("block %d", i)
          .isLessThanOrEqualTo(2e-5);
    }
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void aNumberThatIsNoneStaysInItsRow(float value) {
    float[] rows = goldenInput(7);
    float[] clean = run(Golden.tensor("x", rows, 7, HIDDEN));
    rows[3 * HIDDEN + 5] = value;
    float[] found = run(Golden.tensor("x", rows, 7, HIDDEN));
    for (int token = 0; token < 7; token++) {
      for (int i = token * HIDDEN; i < (token + 1) * HIDDEN; i++) {
        if (token == 3) {
          assertThat(found[i]).as("element %d", i).isNaN();
        } else {
          assertThat(found[i]).as("element %d", i).isEqualTo(clean[i]);
        }
      }
    }
  }

  @Test
  void noTokensGiveNoRows() {
    assertThat(run(Golden.tensor("x", new float[0], 0, HIDDEN))).isEmpty();
  }

  private static float[] goldenInput(int tokens) {
    return Golden.floats(CHECKPOINT.resolve("golden.safetensors"), "layer0/m" + tokens + "/input");
  }

  private float[] run(TensorView input) {
    Path file = directory.resolve("input.safetensors");
    Path output = directory.resolve("output.safetensors");
    SafetensorsWriter.write(file, List.of(input));
    MoeRun.of("run", CHECKPOINT, "--layer", 0, "--input", file, "--output", output).fine();
    return Golden.floats(output, "output");
  }
}
