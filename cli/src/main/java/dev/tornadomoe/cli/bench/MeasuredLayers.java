package dev.tornadomoe.cli.bench;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.cli.parallel.PartChoice;
import dev.tornadomoe.cli.parallel.ProcessGroup;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.tensor.Coding;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.WeightFormat;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// The options that say which layers and token counts are measured, shared by the commands.
final class MeasuredLayers {
  /// What both commands say of `--preset` in their help.
  static final String PRESETS =
      "Presets (made-up weights): qwen3-30b-a3b, qwen3.5-35b-a3b, mixtral-8x7b, deepseek-v3,"
          + " gpt-oss-20b.";

  private static final int LAYERS = 2;

  /// More than any model has: made-up layers are listed before it is known whether they fit.
  private static final int MOST_LAYERS = 256;

  /// The values of `--weights`.
  enum Weights {
    INT4,
    INT8,
    FP8,
    BF16,
    F16,
    F32;

    WeightFormat format() {
      return switch (this) {
        case INT4 -> WeightFormat.int4(DType.BF16, 32, false, false);
        case INT8 -> WeightFormat.scaled(Coding.INT8, DType.BF16, 1, 0);
        case FP8 -> WeightFormat.scaled(Coding.FP8, DType.F32, 128, 128);
        case BF16 -> WeightFormat.dense(DType.BF16);
        case F16 -> WeightFormat.dense(DType.F16);
        case F32 -> WeightFormat.dense(DType.F32);
      };
    }
  }

  /// What is measured.
  private static final class Subject {
    @Parameters(paramLabel = "DIR", description = "A checkpoint directory or GGUF file.")
    private @Nullable Path directory;

    @Option(
        names = "--preset",
        paramLabel = "NAME",
        description = "A model's sizes with made-up weights (default: qwen3-30b-a3b).")
    private @Nullable String preset;
  }

  @ArgGroup(exclusive = true)
  private Subject subject = new Subject();

  @Mixin private PartChoice part = new PartChoice();

  @Option(
      names = "--layers",
      paramLabel = "N",
      description =
          "How many MoE layers, each with its own weights (default: 2, or what the checkpoint"
              + " has).")
  private @Nullable Integer layers;

  @Option(
      names = "--tokens",
      paramLabel = "M,...",
      split = ",",
      defaultValue = "1,16,256",
      description = "Tokens per call (default: ${DEFAULT-VALUE}).")
  private List<Integer> tokens = List.of(1, 16, 256);

  @Option(
      names = "--weights",
      paramLabel = "int4|int8|fp8|bf16|f16|f32",
      description =
          "Format of made-up expert weights: int4 in groups of 32, int8 with a scale per row, fp8"
              + " with a scale per 128x128 (default: int4).")
  private @Nullable Weights weights;

  /// The checkpoint, or null for made-up layers.
  @Nullable Path directory() {
    return subject.directory;
  }

  List<Integer> tokens() {
    return tokens;
  }

  /// @throws LayerException for what can't be measured, as far as that shows without the layers
  void requireSensible() {
    if (subject.directory != null && weights != null) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "--weights is for made-up weights, and %s has its own",
              subject.directory));
    }
    if (subject.directory == null && part.isGiven()) {
      throw new LayerException("--part is for a checkpoint's layers, not for made-up ones");
    }
    if (layers != null && (layers < 1 || layers > MOST_LAYERS)) {
      throw new LayerException(
          String.format(Locale.ROOT, "--layers must be 1 to %d, found %d", MOST_LAYERS, layers));
    }
    if (tokens.isEmpty()) {
      throw new LayerException("--tokens names no token count");
    }
    for (int m : tokens) {
      if (m < 1) {
        throw new LayerException("--tokens must be 1 or more, found " + m);
      }
    }
  }

  /// Gives the layers and their model's name to something that measures them, while their
  /// checkpoint is open.
  ///
  /// @param processes whose ranks must all have the checkpoint
  void measure(ProcessGroup processes, BiConsumer<String, List<MoeLayer>> measurement) {
    Path directory = subject.directory;
    if (directory == null) {
      Preset preset = Preset.named(subject.preset == null ? "qwen3-30b-a3b" : subject.preset);
      WeightFormat format = (weights == null ? Weights.INT4 : weights).format();
      measurement.accept(
          preset.name(),
          new SyntheticLayers(preset, format).make(layers == null ? LAYERS : layers));
    } else {
      try (Checkpoint checkpoint = processes.together(() -> Checkpoint.open(directory))) {
        MoeModel model = processes.together(() -> part.model(checkpoint));
        measurement.accept(model.modelType(), processes.together(() -> layersOf(directory, model)));
      }
    }
  }

  private List<MoeLayer> layersOf(Path directory, MoeModel model) {
    List<Integer> indices = model.layerIndices();
    if (indices.isEmpty()) {
      throw new LayerException(
          String.format(Locale.ROOT, "%s: the model has no MoE layers", directory));
    }
    if (layers != null && layers > indices.size()) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "--layers must be 1 to %d, the MoE layers of %s, found %d",
              indices.size(),
              directory,
              layers));
    }
    return indices.stream().limit(layers == null ? LAYERS : layers).map(model::layer).toList();
  }
}
