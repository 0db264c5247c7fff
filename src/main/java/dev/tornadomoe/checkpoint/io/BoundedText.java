package dev.tornadomoe.checkpoint.io;

/// A text for the regular expressions of files: it can be read a million times, hundreds of times
/// what a sensible pattern needs for the name of a module. Patterns that try exponentially many
/// ways end there.
public final class BoundedText implements CharSequence {
  private static final int MOST_READS = 1_000_000;

  private final String text;
  private int reads;

  /// Counts from the first character.
  ///
  /// @param text to read
  public BoundedText(String text) {
    this.text = text;
  }

  @Override
  public int length() {
    return text.length();
  }

  /// @throws ExhaustedException when it was read too often
  @Override
  public char charAt(int index) {
    if (++reads > MOST_READS) {
      throw new ExhaustedException();
    }
    return text.charAt(index);
  }

  @Override
  public CharSequence subSequence(int start, int end) {
    return text.subSequence(start, end);
  }

  @Override
  public String toString() {
    return text;
  }

  /// The text was read too often.
  public static final class ExhaustedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private ExhaustedException() {}
  }
}
