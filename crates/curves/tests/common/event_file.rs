//! Event files that are made.

/// An event file with a scalar for each (tag, step, value), as TensorFlow frames it.
pub fn events(scalars: &[(&str, u64, f32)]) -> Vec<u8> {
    fn varint(mut value: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while value >= 0x80 {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    }
    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2][..], &varint(content.len() as u64), content].concat()
    }
    let checksum = |bytes: &[u8]| crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes();
    let mut file = Vec::new();
    for (tag, step, value) in scalars {
        let value = [field(1, tag.as_bytes()), vec![2 << 3 | 5], value.to_le_bytes().to_vec()].concat();
        let event = [vec![2 << 3], varint(*step), field(5, &field(1, &value))].concat();
        let length = (event.len() as u64).to_le_bytes();
        file.extend([&length[..], &checksum(&length), &event, &checksum(&event)].concat());
    }
    file
}
