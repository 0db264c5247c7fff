package dev.tornadomoe.checkpoint;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.file.ExpertStack;
import dev.tornadomoe.checkpoint.file.StoredTensor;
import dev.tornadomoe.checkpoint.gguf.GgufFile;
import dev.tornadomoe.checkpoint.gguf.GgufFiles;
import dev.tornadomoe.checkpoint.gguf.GgufQuantization;
import dev.tornadomoe.checkpoint.gguf.GgufShards;
import dev.tornadomoe.checkpoint.gguf.GgufStore;
import dev.tornadomoe.checkpoint.io.FilesInDirectory;
import dev.tornadomoe.checkpoint.io.FilesInMemory;
import dev.tornadomoe.checkpoint.io.Fingerprint;
import dev.tornadomoe.checkpoint.io.ModelFiles;
import dev.tornadomoe.checkpoint.io.StrictJson;
import dev.tornadomoe.checkpoint.io.TensorStore;
import dev.tornadomoe.checkpoint.quant.Mxfp4Quantization;
import dev.tornadomoe.checkpoint.quant.Quantization;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.mapped.MappedFiles;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// A model: a directory as Hugging Face lays it out, `config.json` and safetensors files, whole or
/// sharded; or a GGUF file, whole or split. Files are memory-mapped; opening reads the config and
/// one header, and a shard's header when one of its tensors is first asked for.
///
/// Layers, weights and sessions made from a checkpoint use its memory: close it after them. Safe
/// for use from several threads.
public final class Checkpoint implements AutoCloseable {
  private static final Set<DType> INTEGERS = EnumSet.of(DType.I32, DType.I64);

  private final Path directory;

  /// What is fingerprinted, or null for a model in memory.
  private final @Nullable Path path;

  private final @Nullable ModelConfig config;
  private final @Nullable GgufMetadata metadata;
  private final TensorStore tensors;
  private final Quantization quantization;

  /// Null for a model in memory, whose owner sees to it.
  private final @Nullable MappedFiles files;

  private Checkpoint(
      @Nullable Path path, SafetensorsLayout layout, ModelFiles from, @Nullable MappedFiles files) {
    this.directory = from.directory();
    this.path = path;
    this.config = layout.config(from);
    this.metadata = null;
    this.tensors = layout.open(from);
    this.quantization = quantization(from, config);
    this.files = files;
  }

  private static Quantization quantization(ModelFiles from, ModelConfig config) {
    Map<String, Object> said = config.quantization();
    QuantizationFile file = said == null ? QuantizationFile.in(from) : null;
    return file == null
        ? Quantization.of(config.file(), said)
        : Quantization.of(file.path(from), file.read(from));
  }

  private Checkpoint(
      @Nullable Path path, Path directory, List<GgufFile> parts, @Nullable MappedFiles files) {
    GgufFile first = parts.getFirst();
    GgufStore store = new GgufStore(parts);
    this.directory = directory;
    this.path = path;
    this.config = null;
    this.metadata = new GgufMetadata(first.file(), first.values());
    this.tensors = store;
    this.quantization = new GgufQuantization(store);
    this.files = files;
  }

  /// Opens a model. In a directory a single safetensors file wins over an index, which then is a
  /// stale one, as in transformers, and safetensors files win over GGUF.
  ///
  /// @param path a directory with `config.json` and `model.safetensors`, or its index and shards,
  ///   or with Mistral's `params.json` and `consolidated.safetensors`; a directory with one GGUF
  ///   model; a model's directory in the cache of Hugging Face's tools; or a GGUF file, of a split
  ///   one any
  /// @return the model, whose files stay mapped until it is closed
  /// @throws CheckpointException when it is none of these, or its files contradict themselves
  public static Checkpoint open(Path path) {
    if (Files.isRegularFile(path) && GgufFiles.isNamedSo(path)) {
      return openGguf(path);
    }
    if (!Files.isDirectory(path)) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: %s; expected a directory with config.json and model.safetensors, or a .gguf"
                  + " file",
              path,
              Files.exists(path) ? "not a directory" : "no such directory"));
    }
    Path directory = HubCache.snapshot(path);
    MappedFiles files = new MappedFiles();
    try {
      ModelFiles from = new FilesInDirectory(directory, files);
      SafetensorsLayout layout = SafetensorsLayout.of(from);
      if (layout != null) {
        return new Checkpoint(directory, layout, from, files);
      }
    } catch (RuntimeException | Error e) {
      files.close();
      throw e;
    }
    files.close();
    Path gguf = GgufFiles.find(directory);
    if (gguf == null) {
      throw NoModel.in(directory);
    }
    return openGguf(gguf);
  }

  /// Opens a GGUF file that an engine has in memory already, so that it is not mapped twice. What
  /// it says is believed as little as what a file says: every length is compared with the memory's.
  ///
  /// @param gguf all of one GGUF file, native, at a multiple of 32 bytes, for every thread; it must
  ///   stay as it is until the last session on it is closed, which [#close] does not see to
  /// @param name what messages call it
  /// @return the model, whose weights are slices of this memory
  /// @throws CheckpointException when it is no sound GGUF file, one of several parts, or memory of
  ///   another kind
  public static Checkpoint open(MemorySegment gguf, String name) {
    FilesInMemory from = FilesInMemory.of("", Map.of(name, gguf));
    return new Checkpoint(null, from.path(name), GgufShards.open(name, from), null);
  }

  /// Opens a model whose files an engine has in memory already: what [#open(Path)] opens, by the
  /// names that its files have in their directory. Shards and parts are there like all others; what
  /// no model needs is ignored.
  ///
  ///     Checkpoint.open(Map.of("config.json", json, "model.safetensors", mapped), "my model");
  ///
  /// @param files all bytes of each file. Those with tensors are native, at a multiple of 32 bytes,
  ///   for every thread; they must stay as they are until the last session on them is closed, which
  ///   [#close] does not see to. JSON may lie in arrays and is read at once.
  /// @param name what messages call the directory
  /// @return the model, whose weights are slices of this memory
  /// @throws CheckpointException when these are no model's, contradict themselves, or lie in memory
  ///   of another kind
  public static Checkpoint open(Map<String, MemorySegment> files, String name) {
    FilesInMemory from = FilesInMemory.of(name, files);
    SafetensorsLayout layout = SafetensorsLayout.of(from);
    if (layout != null) {
      return new Checkpoint(null, layout, from, null);
    }
    String gguf = GgufFiles.find(from);
    if (gguf == null) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: neither model.safetensors nor model.safetensors.index.json nor a .gguf file is"
                  + " among the model's files in memory (%s)",
              name,
              StrictJson.excerpt(String.join(", ", from.names()))));
    }
    return new Checkpoint(null, from.directory(), GgufShards.open(gguf, from), null);
  }

  private static Checkpoint openGguf(Path file) {
    Path parent = file.getParent();
    Path directory = parent == null ? Path.of("") : parent;
    MappedFiles files = new MappedFiles();
    try {
      ModelFiles from = new FilesInDirectory(directory, files);
      return new Checkpoint(
          file, directory, GgufShards.open(file.getFileName().toString(), from), files);
    } catch (RuntimeException | Error e) {
      files.close();
      throw e;
    }
  }

  /// {@return the directory that its files lie in; the snapshot's, of a model in a cache; the name,
  /// of one in memory}
  public Path directory() {
    return directory;
  }

  /// {@return 32 hexadecimal digits that tell models apart without reading all of them, so that
  /// processes can see whether they have the same: half of a SHA-256 over names, sizes and samples}
  ///
  /// @throws CheckpointException for a file that can't be read, and for a model in memory
  public String fingerprint() {
    if (path == null) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT, "%s: a model in memory has no files to tell it by", directory));
    }
    return Fingerprint.of(path);
  }

  /// {@return the config of a model in safetensors files}
  ///
  /// @throws CheckpointException for a GGUF file, which has [#gguf] instead
  public ModelConfig config() {
    if (config == null) {
      throw new CheckpointException(
          String.format(Locale.ROOT, "%s: a GGUF file has no config.json", directory));
    }
    return config;
  }

  /// {@return what a GGUF file says of its model; empty for a model in safetensors files}
  public Optional<GgufMetadata> gguf() {
    return Optional.ofNullable(metadata);
  }

  /// {@return the names of all tensors}
  public Set<String> tensorNames() {
    return tensors.names();
  }

  /// The tensor, over the mapped file, or empty when there is none of that name.
  ///
  /// @param tensor its full name in the file
  /// @return the tensor, F32, F16 or BF16, or empty when there is none of that name
  public Optional<TensorView> find(String tensor) {
    return Optional.ofNullable(tensors.find(tensor));
  }

  /// What the file says of a tensor, whatever its type; empty when there is none of that name.
  ///
  /// @param tensor its full name in the file
  /// @return its type by the file's own name, its shape and its bytes
  /// @throws CheckpointException when the file that should hold it is missing or broken
  public Optional<StoredTensor> stored(String tensor) {
    return Optional.ofNullable(tensors.stored(tensor));
  }

  /// A tensor of F32, F16 or BF16 and this shape.
  ///
  /// @param tensor its full name in the file
  /// @param shape the expected lengths, the slowest first
  /// @return the tensor, over the mapped file
  /// @throws CheckpointException when it is missing or something else
  public TensorView require(String tensor, long... shape) {
    return tensors.require(tensor, Quantization.FLOATS, shape);
  }

  /// A tensor of I32 or I64 and this shape.
  ///
  /// @param tensor its full name in the file
  /// @param shape the expected lengths, the slowest first
  /// @return the tensor, over the mapped file
  /// @throws CheckpointException when it is missing or something else
  public TensorView requireIntegers(String tensor, long... shape) {
    return tensors.require(tensor, INTEGERS, shape);
  }

  /// The weight of a linear layer, in whatever form the checkpoint stores it.
  ///
  /// @param module the layer's name, without `.weight`
  /// @param rows output features
  /// @param columns input features
  /// @return a weight `[rows, columns]` that is loaded when it is asked to be
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
  /// @return the experts' matrices `[outputs, inputs]`, whichever way round the file has them
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
  /// @return the name that the file has for it
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
  /// @return the name that the file has for it
  public Optional<String> findLinear(String module) {
    return Stream.of(".weight", ".weight_packed", ".qweight")
        .map(module::concat)
        .filter(tensors.names()::contains)
        .findFirst();
  }

  /// {@return what messages call the file that holds a tensor, or would}
  ///
  /// @param tensor its full name, whether it is there or not
  public String fileOf(String tensor) {
    return tensors.fileOf(tensor);
  }

  /// Unmaps the files. Using their tensors afterwards is an error.
  @Override
  public void close() {
    if (files != null) {
      files.close();
    }
  }
}
