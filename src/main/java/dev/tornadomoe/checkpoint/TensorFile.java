package dev.tornadomoe.checkpoint;

import dev.tornadomoe.checkpoint.safetensors.SafetensorsFile;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.mapped.MappedFiles;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;

/// One safetensors file on its own, memory-mapped: inputs, outputs, reference values.
public final class TensorFile implements AutoCloseable {
  private final Path file;
  private final SafetensorsFile tensors;
  private final MappedFiles files;

  private TensorFile(Path file, SafetensorsFile tensors, MappedFiles files) {
    this.file = file;
    this.tensors = tensors;
    this.files = files;
  }

  /// Opens a file and checks its header.
  ///
  /// @param file in safetensors format
  /// @return its tensors, mapped until it is closed
  /// @throws dev.tornadomoe.checkpoint.file.CheckpointException when it is missing or no sound
  ///   safetensors file
  public static TensorFile open(Path file) {
    MappedFiles files = new MappedFiles();
    try {
      return new TensorFile(file, SafetensorsFile.open(file, files), files);
    } catch (RuntimeException | Error e) {
      files.close();
      throw e;
    }
  }

  /// {@return the file that is mapped}
  public Path file() {
    return file;
  }

  /// {@return the names of all tensors, in the order of their data}
  public Set<String> names() {
    return tensors.names();
  }

  /// {@return the tensor, or empty when there is none of that name}
  ///
  /// @param name in full
  public Optional<TensorView> find(String name) {
    return Optional.ofNullable(tensors.find(name));
  }

  /// The tensor.
  ///
  /// @param name in full
  /// @return the tensor, over the mapped file
  /// @throws dev.tornadomoe.checkpoint.file.CheckpointException when there is none of that name
  public TensorView require(String name) {
    return tensors.require(name);
  }

  /// Unmaps the file. Using its tensors afterwards is an error.
  @Override
  public void close() {
    files.close();
  }
}
