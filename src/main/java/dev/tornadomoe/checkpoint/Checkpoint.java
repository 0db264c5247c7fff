package dev.tornadomoe.checkpoint;

import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/// A model directory as Hugging Face lays it out: `config.json` and safetensors files, whole or
/// sharded. Files are memory-mapped; opening reads the config and one header, and a shard's header
/// when one of its tensors is first asked for.
///
/// Layers, weights and sessions made from a checkpoint use its memory: close it after them. Safe
/// for use from several threads.
public final class Checkpoint implements AutoCloseable {
  private static final String INDEX = "model.safetensors.index.json";
  private static final String SINGLE = "model.safetensors";

  private final Path directory;
  private final ModelConfig config;
  private final TensorStore tensors;
  private final Quantization quantization;
  private final Arena arena;

  private Checkpoint(Path directory, ModelConfig config, TensorStore tensors, Arena arena) {
    this.directory = directory;
    this.config = config;
    this.tensors = tensors;
    this.quantization = Quantization.of(config);
    this.arena = arena;
  }

  /// Opens a model directory. A single file wins over an index, which then is a stale one, as in
  /// transformers.
  ///
  /// @param directory holds `config.json` and `model.safetensors`, or its index and shards
  /// @throws CheckpointException when it is no such directory, or its files contradict themselves
  @SuppressWarnings("MustBeClosedChecker") // the checkpoint closes the arena
  public static Checkpoint open(Path directory) {
    if (!Files.isDirectory(directory)) {
      throw new CheckpointException(
          "%s: %s; expected a directory with config.json and model.safetensors"
              .formatted(
                  directory, Files.exists(directory) ? "not a directory" : "no such directory"));
    }
    Path configFile = directory.resolve("config.json");
    if (!isThere(directory, "config.json")) {
      refuseGguf(directory);
      throw new CheckpointException("%s: no config.json, so this is no model".formatted(directory));
    }
    ModelConfig config = ModelConfig.read(configFile);
    Arena arena = Arena.ofShared();
    try {
      return new Checkpoint(directory, config, openTensors(directory, arena), arena);
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  /// Whether there is a file of this name, or something else that the reading of it will name.
  private static boolean isThere(Path directory, String name) {
    return Files.exists(directory.resolve(name), LinkOption.NOFOLLOW_LINKS);
  }

  private static void refuseGguf(Path directory) {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory, "*.gguf")) {
      for (Path file : files) {
        throw new CheckpointException("%s: GGUF files are not supported yet".formatted(file));
      }
    } catch (IOException e) {
      throw FileFailure.reading(directory, e);
    }
  }

  private static TensorStore openTensors(Path directory, Arena arena) {
    if (isThere(directory, SINGLE)) {
      return SafetensorsFile.open(directory.resolve(SINGLE), arena);
    }
    if (isThere(directory, INDEX)) {
      return SafetensorsShards.open(directory.resolve(INDEX), arena);
    }
    throw new CheckpointException(
        "%s: neither %s nor %s is there, so this is no model in safetensors form"
            .formatted(directory, SINGLE, INDEX));
  }

  public Path directory() {
    return directory;
  }

  public ModelConfig config() {
    return config;
  }

  /// The names of all tensors.
  public Set<String> tensorNames() {
    return tensors.names();
  }

  /// The tensor, over the mapped file, or empty when there is none of that name.
  public Optional<TensorView> find(String tensor) {
    return Optional.ofNullable(tensors.find(tensor));
  }

  /// A tensor of F32, F16 or BF16 and this shape.
  ///
  /// @throws CheckpointException when it is missing or something else
  public TensorView require(String tensor, long... shape) {
    return tensors.require(tensor, Quantization.FLOATS, shape);
  }

  /// The weight of a linear layer, in whatever form the checkpoint stores it.
  ///
  /// @param module the layer's name, without `.weight`
  /// @param rows output features
  /// @param columns input features
  /// @throws CheckpointException when it is missing, misshapen or stored in an unsupported form
  public Weight linear(String module, int rows, int columns) {
    Weight quantized = quantization.find(tensors, module, rows, columns);
    return quantized != null
        ? quantized
        : Weight.dense(tensors.require(module + ".weight", Quantization.FLOATS, rows, columns));
  }

  /// One projection of all experts, stored as one tensor in whatever form.
  ///
  /// @param name the tensor's name where it is unquantised; quantised ones add to it
  /// @param experts how many
  /// @param outputs of each
  /// @param inputs of each
  /// @param transposed whether unpacked values are `[experts, inputs, outputs]`
  /// @throws CheckpointException when it is missing, misshapen or stored in an unsupported form
  public ExpertStack stack(String name, int experts, int outputs, int inputs, boolean transposed) {
    ExpertStack quantized =
        quantization.findStack(tensors, name, experts, outputs, inputs, transposed);
    if (quantized != null) {
      return quantized;
    }
    TensorView values =
        transposed
            ? require(name, experts, inputs, outputs)
            : require(name, experts, outputs, inputs);
    return new DenseStack(values, transposed);
  }

  /// The tensor that holds one projection of all experts, quantised or not; empty when there is
  /// none. It may still be stored in an unsupported form.
  ///
  /// @param name its name where it is unquantised
  public Optional<String> findStack(String name) {
    return Stream.of("", Mxfp4Quantization.BLOCKS)
        .map(name::concat)
        .filter(tensors.names()::contains)
        .findFirst();
  }

  /// The tensor that holds the weight of a linear layer, quantised or not; empty when there is no
  /// such layer. It may still be stored in an unsupported form.
  ///
  /// @param module the layer's name, without `.weight`
  public Optional<String> findLinear(String module) {
    return Stream.of(".weight", ".weight_packed", ".qweight")
        .map(module::concat)
        .filter(tensors.names()::contains)
        .findFirst();
  }

  /// What messages call the file that holds a tensor, or would.
  public String fileOf(String tensor) {
    return tensors.fileOf(tensor);
  }

  /// Unmaps the files. Using their tensors afterwards is an error.
  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
