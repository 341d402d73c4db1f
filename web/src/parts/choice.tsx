interface Props<T extends string> {
  name: string;
  legend: string;
  options: readonly { value: T; label: string; title?: string }[];
  value: T;
  onChange(value: T): void;
}

/** A row of radio buttons that looks like one control; the browser brings the arrow keys. */
export function Choice<T extends string>({ name, legend, options, value, onChange }: Props<T>) {
  return (
    <fieldset class="choice">
      <legend class="unseen">{legend}</legend>
      {options.map((option) => (
        <label key={option.value} title={option.title}>
          <input
            type="radio" name={name} value={option.value} checked={option.value === value}
            onChange={() => onChange(option.value)}
          />
          <span>{option.label}</span>
        </label>
      ))}
    </fieldset>
  );
}
