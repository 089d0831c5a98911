//! JavaScript values to data.

use napi::bindgen_prelude::{
    Array, FromNapiValue, JsObjectValue, KeyCollectionMode, KeyConversion, KeyFilter, Object, Unknown,
};
use napi::{JsDate, JsValue, Result, ValueType};

use crate::options::Raw;

/// Most values that are read of options: enough for every key set, and an end for a `req` passed by mistake.
const MOST_VALUES: usize = 10_000;

/// Deepest nesting that is read of options: that of a key set's `x5c`.
const DEEPEST: usize = 6;

/// A JavaScript value as data. Own members only: what a polluted prototype offers is nobody's option.
pub fn raw(value: &Unknown) -> Result<Raw> {
    let mut budget = MOST_VALUES;
    read(value, DEEPEST, &mut budget)
}

fn read(value: &Unknown, depth: usize, budget: &mut usize) -> Result<Raw> {
    if depth == 0 || *budget == 0 {
        return Ok(Raw::Other("value nested too deep"));
    }
    *budget -= 1;
    Ok(match value.get_type()? {
        ValueType::Undefined => Raw::Undefined,
        ValueType::Null => Raw::Null,
        ValueType::Boolean => Raw::Bool(bool::from_unknown(*value)?),
        ValueType::Number => Raw::Number(f64::from_unknown(*value)?),
        ValueType::String => Raw::String(String::from_unknown(*value)?),
        ValueType::Function => Raw::Function,
        ValueType::Object if value.is_date()? => Raw::Date(JsDate::from_unknown(*value)?.value_of()?),
        ValueType::Object if value.is_array()? => {
            let array = Array::from_unknown(*value)?;
            if array.len() as usize > *budget {
                return Ok(Raw::Other("very long array"));
            }
            let mut items = Vec::new();
            for index in 0..array.len() {
                let item = array.get::<Unknown>(index)?;
                items.push(item.map_or(Ok(Raw::Undefined), |item| read(&item, depth - 1, budget))?);
            }
            Raw::List(items)
        }
        ValueType::Object => {
            let object = Object::from_unknown(*value)?;
            let names = object.get_all_property_names(
                KeyCollectionMode::OwnOnly,
                KeyFilter::Enumerable,
                KeyConversion::NumbersToStrings,
            )?;
            let mut members = Vec::new();
            for index in 0..names.get_array_length()? {
                let name = names.get_element::<Unknown>(index)?;
                if name.get_type()? == ValueType::String {
                    let value: Unknown = object.get_property(name)?;
                    members.push((String::from_unknown(name)?, read(&value, depth - 1, budget)?));
                }
            }
            Raw::Object(members)
        }
        ValueType::BigInt => Raw::Other("BigInt"),
        ValueType::Symbol => Raw::Other("symbol"),
        _ => Raw::Other("value of another kind"),
    })
}
